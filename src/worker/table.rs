//! Slots with generations: a late completion must never reach a newer connection.

use crate::ring::token::Token;

/// Names an entry of a table, and which life of its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Key {
    pub slot: u32,
    pub generation: u32,
}

/// A table of `T`.
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

struct Slot<T> {
    generation: u32,
    entry: Option<T>,
}

impl<T> Table<T> {
    /// An empty table.
    pub fn new() -> Table<T> {
        Table {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Puts an entry in a free slot; `None` when the table has as many as a token can name.
    pub fn insert(&mut self, entry: T) -> Option<Key> {
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            slot.entry = Some(entry);
            return Some(Key {
                slot: index,
                generation: slot.generation,
            });
        }
        let index = u32::try_from(self.slots.len())
            .ok()
            .filter(|i| *i <= Token::SLOT_MAX)?;
        self.slots.push(Slot {
            generation: 0,
            entry: Some(entry),
        });
        Some(Key {
            slot: index,
            generation: 0,
        })
    }

    /// The entry under `key`, unless that life of the slot is over.
    pub fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.slot as usize)?;
        if slot.generation == key.generation {
            slot.entry.as_ref()
        } else {
            None
        }
    }

    /// The entry under `key`, unless that life of the slot is over.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation == key.generation {
            slot.entry.as_mut()
        } else {
            None
        }
    }

    /// Takes the entry out; its key names nothing from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let entry = slot.entry.take()?;
        slot.generation = (slot.generation + 1) & Token::GENERATION_MAX;
        self.free.push(key.slot);
        Some(entry)
    }

    /// Nothing more fits.
    pub fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots.len() > Token::SLOT_MAX as usize
    }

    /// Entries in the table.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All entries with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| {
            let key = Key {
                slot: index,
                generation: slot.generation,
            };
            slot.entry.as_ref().map(|entry| (key, entry))
        })
    }

    /// Keys of all entries.
    pub fn keys(&self) -> Vec<Key> {
        self.iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_names_nothing_once_its_slot_is_used_again() {
        let mut table = Table::new();
        let first = table.insert('a').unwrap();
        assert_eq!(table.remove(first), Some('a'));
        let second = table.insert('b').unwrap();
        assert_eq!(second.slot, first.slot);
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&'b'));
        assert_eq!((table.len(), table.keys()), (1, vec![second]));
    }
}
