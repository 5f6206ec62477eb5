//! Who waits for a ration: in the order of asking, and found by its socket.

use std::collections::VecDeque;

use crate::plane::bandwidth::Ration;
use crate::ring::port::Socket;

/// All of them. What it once grew to it keeps.
pub struct Queue<T> {
    list: VecDeque<Entry<T>>,
    /// The number of the first in the list.
    first: u64,
    /// By socket, the number of who waits to send to it; 0: nobody.
    numbers: Vec<u64>,
}

struct Entry<T> {
    ration: Ration,
    socket: Socket,
    /// `None`: it has left.
    who: Option<T>,
}

impl<T> Queue<T> {
    /// With room for `waiting`, before it has to grow.
    pub fn new(waiting: usize) -> Queue<T> {
        Queue {
            list: VecDeque::with_capacity(waiting),
            first: 1,
            numbers: vec![0; waiting],
        }
    }

    /// Somebody waits for `ration` on `socket`, where nobody else does.
    pub fn push(&mut self, ration: Ration, socket: Socket, who: T) {
        let number = self.first + self.list.len() as u64;
        let place = index(socket);
        if place >= self.numbers.len() {
            self.numbers.resize((place + 1).next_power_of_two(), 0);
        }
        debug_assert_eq!(self.numbers[place], 0, "one at a time on a socket");
        self.numbers[place] = number;
        let who = Some(who);
        self.list.push_back(Entry {
            ration,
            socket,
            who,
        });
    }

    /// Whether somebody waits on `socket`.
    pub fn has(&self, socket: Socket) -> bool {
        self.numbers
            .get(index(socket))
            .is_some_and(|number| *number > 0)
    }

    /// Where the first ration begins.
    pub fn next(&self) -> Option<u64> {
        self.list.front().map(|entry| entry.ration.start)
    }

    /// The first one, if its ration has come.
    pub fn pop(&mut self, is_due: impl Fn(u64) -> bool) -> Option<(Ration, Socket, T)> {
        let first = self.list.front()?;
        if !is_due(first.ration.start) {
            return None;
        }
        let Entry {
            ration,
            socket,
            who,
        } = self.list.pop_front()?;
        self.first += 1;
        self.numbers[index(socket)] = 0;
        self.forget_gone();
        who.map(|who| (ration, socket, who))
    }

    /// Takes out who waits on `socket`. Those behind it move up: its bytes are not sent.
    pub fn remove(&mut self, socket: Socket) -> Option<(Ration, T)> {
        let number = std::mem::take(self.numbers.get_mut(index(socket))?);
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let entry = self.list.get_mut(place)?;
        let (ration, who) = (entry.ration, entry.who.take()?);
        for behind in self.list.range_mut(place + 1..) {
            behind.ration.start = behind.ration.start.saturating_sub(ration.bytes);
        }
        self.forget_gone();
        Some((ration, who))
    }

    /// The first in the list is always somebody.
    fn forget_gone(&mut self) {
        while self.list.front().is_some_and(|entry| entry.who.is_none()) {
            self.list.pop_front();
            self.first += 1;
        }
    }
}

fn index(socket: Socket) -> usize {
    usize::try_from(socket.0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ration(start: u64) -> Ration {
        Ration { start, bytes: 10 }
    }

    fn three() -> Queue<char> {
        let mut queue = Queue::new(2);
        queue.push(ration(100), Socket(7), 'a');
        queue.push(ration(110), Socket(4), 'b');
        queue.push(ration(120), Socket(9), 'c');
        queue
    }

    #[test]
    fn rations_come_in_order_and_not_before() {
        let mut queue = three();
        assert_eq!(queue.next(), Some(100));
        assert!(queue.pop(|start| start <= 99).is_none());
        assert_eq!(
            queue.pop(|start| start <= 115),
            Some((ration(100), Socket(7), 'a'))
        );
        assert_eq!(
            queue.pop(|start| start <= 115),
            Some((ration(110), Socket(4), 'b'))
        );
        assert!(queue.pop(|start| start <= 115).is_none());
        assert!(!queue.has(Socket(7)) && !queue.has(Socket(4)) && queue.has(Socket(9)));
    }

    #[test]
    fn who_leaves_lets_those_behind_move_up() {
        let mut queue = three();
        assert_eq!(queue.remove(Socket(4)), Some((ration(110), 'b')));
        assert_eq!(queue.remove(Socket(4)), None);
        assert_eq!(queue.remove(Socket(1000)), None);
        assert_eq!(queue.pop(|_| true), Some((ration(100), Socket(7), 'a')));
        assert_eq!(queue.next(), Some(110), "it was 120");
        assert_eq!(queue.pop(|_| true), Some((ration(110), Socket(9), 'c')));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn when_the_first_leaves_the_next_is_the_first() {
        let mut queue = three();
        queue.remove(Socket(4));
        assert_eq!(queue.remove(Socket(7)), Some((ration(100), 'a')));
        assert_eq!(queue.next(), Some(100));
        queue.push(ration(110), Socket(7), 'd');
        assert_eq!(queue.remove(Socket(7)), Some((ration(110), 'd')));
        assert_eq!(queue.pop(|_| true), Some((ration(100), Socket(9), 'c')));
    }

    proptest! {
        /// Against a plain list.
        #[test]
        fn it_is_a_list_with_an_index(deeds in prop::collection::vec((0..3u8, 0..12i32), 1..200)) {
            let mut queue = Queue::new(0);
            let mut list: Vec<(i32, u64)> = Vec::new();
            let mut end = 1_000;
            for (deed, number) in deeds {
                let socket = Socket(number);
                let place = list.iter().position(|(other, _)| *other == number);
                prop_assert_eq!(queue.has(socket), place.is_some());
                match (deed, place) {
                    (0, None) => {
                        queue.push(ration(end), socket, number);
                        list.push((number, end));
                        end += 10;
                    }
                    (1, Some(place)) => {
                        let (_, start) = list.remove(place);
                        for behind in &mut list[place..] {
                            behind.1 -= 10;
                        }
                        end -= 10;
                        prop_assert_eq!(queue.remove(socket), Some((ration(start), number)));
                    }
                    (2, _) => {
                        let first = (!list.is_empty()).then(|| list.remove(0));
                        let popped = queue.pop(|_| true);
                        prop_assert_eq!(popped.map(|(ration, _, who)| (who, ration.start)), first);
                    }
                    _ => {}
                }
                prop_assert_eq!(queue.next(), list.first().map(|(_, start)| *start));
            }
        }
    }
}
