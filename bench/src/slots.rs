//! A table whose places have a life: a late completion names a life that is over and finds nothing.

use halb::ring::token::Token;

struct Place<T> {
    generation: u32,
    item: Option<T>,
}

/// Items by slot; a slot is used again, its generation is not (modulo 2^20).
pub struct Slots<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    live: usize,
}

impl<T> Slots<T> {
    pub fn new() -> Slots<T> {
        Slots {
            places: Vec::new(),
            free: Vec::new(),
            live: 0,
        }
    }

    /// Puts an item in and says where.
    pub fn insert(&mut self, item: T) -> u32 {
        self.live += 1;
        if let Some(slot) = self.free.pop() {
            self.places[slot as usize].item = Some(item);
            return slot;
        }
        let slot = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        assert!(slot <= Token::SLOT_MAX, "the harness opens fewer sockets");
        self.places.push(Place {
            generation: 0,
            item: Some(item),
        });
        slot
    }

    /// The token by which an operation for this slot finds its way home.
    pub fn token(&self, kind: u8, slot: u32) -> Token {
        Token {
            kind,
            slot,
            generation: self.places[slot as usize].generation,
        }
    }

    /// The item of this token's life, if that life is not over.
    pub fn find(&mut self, token: Token) -> Option<&mut T> {
        let place = self.places.get_mut(token.slot as usize)?;
        if place.generation != token.generation {
            return None;
        }
        place.item.as_mut()
    }

    /// The item in a slot.
    pub fn at(&mut self, slot: u32) -> Option<&mut T> {
        self.places.get_mut(slot as usize)?.item.as_mut()
    }

    /// Ends the life of a slot.
    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let place = self.places.get_mut(slot as usize)?;
        let item = place.item.take()?;
        place.generation = (place.generation + 1) & Token::GENERATION_MAX;
        self.free.push(slot);
        self.live -= 1;
        Some(item)
    }

    /// Slots in use.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The slots in use, in order.
    pub fn used(&self) -> Vec<u32> {
        let used = self.places.iter().zip(0u32..);
        used.filter(|(place, _)| place.item.is_some())
            .map(|(_, slot)| slot)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_an_earlier_life_finds_nothing() {
        let mut slots = Slots::new();
        let slot = slots.insert("first");
        let token = slots.token(3, slot);
        assert_eq!(slots.find(token), Some(&mut "first"));
        assert_eq!(slots.remove(slot), Some("first"));
        assert_eq!(slots.insert("second"), slot);
        assert_eq!(slots.find(token), None);
        assert_eq!(slots.at(slot), Some(&mut "second"));
        assert_eq!(slots.live(), 1);
        assert_eq!(slots.used(), vec![slot]);
    }
}
