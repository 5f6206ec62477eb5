//! What a domain file says here: who has which role, which edit it is, and whose configuration it cannot be.

use halb::pair::file::message::Text;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Says {
    pub main: usize,
    pub backup: usize,
    /// No two texts have the same.
    pub edit: usize,
    pub unfit: Option<usize>,
}

impl Says {
    /// What all servers begin with.
    pub fn first() -> Says {
        Says {
            main: 0,
            backup: 1,
            edit: 0,
            unfit: None,
        }
    }

    pub fn of(text: &[u8]) -> Says {
        let words = std::str::from_utf8(text).expect("the simulator's own text");
        let mut numbers = words.split(' ').map(|word| word.parse().ok());
        let mut number = || numbers.next().expect("four words");
        let mut role = || number().expect("a number");
        Says {
            main: role(),
            backup: role(),
            edit: role(),
            unfit: number(),
        }
    }

    pub fn text(self) -> Text {
        let Says {
            main,
            backup,
            edit,
            unfit,
        } = self;
        let unfit = unfit.map_or("-".to_owned(), |host| host.to_string());
        format!("{main} {backup} {edit} {unfit}")
            .into_bytes()
            .into()
    }

    pub fn fits(self, host: usize) -> bool {
        self.unfit != Some(host)
    }
}
