//! Lists threaded through one array: an index is in at most one list of a chain, goes in and out anywhere at
//! constant cost, and nothing is allocated after creation.

/// An index into the array.
pub type Index = u32;

/// The links of all lists.
pub struct Chain {
    links: Vec<Link>,
}

/// One list: its first and last.
#[derive(Clone, Copy, Default)]
pub struct List {
    first: Option<Index>,
    last: Option<Index>,
}

#[derive(Clone, Copy, Default)]
struct Link {
    before: Option<Index>,
    after: Option<Index>,
}

impl List {
    pub fn first(&self) -> Option<Index> {
        self.first
    }

    pub fn last(&self) -> Option<Index> {
        self.last
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl Chain {
    /// With room reserved for `capacity` indices, and none there yet.
    pub fn new(capacity: usize) -> Chain {
        Chain {
            links: Vec::with_capacity(capacity),
        }
    }

    /// One index more.
    pub fn extend(&mut self) {
        self.links.push(Link::default());
    }

    /// The one before `index` in its list.
    pub fn before(&self, index: Index) -> Option<Index> {
        self.links[index as usize].before
    }

    /// The one after `index` in its list.
    pub fn after(&self, index: Index) -> Option<Index> {
        self.links[index as usize].after
    }

    pub fn push_back(&mut self, list: &mut List, index: Index) {
        self.insert_after(list, list.last, index);
    }

    /// Puts `index` behind `before`, at the front for `None`.
    pub fn insert_after(&mut self, list: &mut List, before: Option<Index>, index: Index) {
        let after = match before {
            Some(before) => self.links[before as usize].after,
            None => list.first,
        };
        self.links[index as usize] = Link { before, after };
        self.join(list, before, Some(index));
        self.join(list, Some(index), after);
    }

    /// Takes `index` out of `list`, which it is in.
    pub fn remove(&mut self, list: &mut List, index: Index) {
        let Link { before, after } = std::mem::take(&mut self.links[index as usize]);
        match before {
            Some(before) => self.links[before as usize].after = after,
            None => list.first = after,
        }
        match after {
            Some(after) => self.links[after as usize].before = before,
            None => list.last = before,
        }
    }

    fn join(&mut self, list: &mut List, before: Option<Index>, after: Option<Index>) {
        match before {
            Some(before) => self.links[before as usize].after = after,
            None => list.first = after,
        }
        match after {
            Some(after) => self.links[after as usize].before = before,
            None => list.last = before,
        }
    }
}
