use proptest::prelude::*;

use super::*;
use crate::pair::advert::bytes::ADVERT_BYTES;
use crate::pair::advert::bytes::Malformed;

fn node() -> impl Strategy<Value = NodeId> {
    any::<u64>().prop_map(NodeId::from_bits)
}

fn term() -> impl Strategy<Value = Term> {
    any::<u64>().prop_map(Term::from_bits)
}

fn state() -> impl Strategy<Value = State> {
    use State::*;
    prop::sample::select(vec![Maintenance, Active, Standby, Inactive])
}

fn wish() -> impl Strategy<Value = Wish> {
    prop::sample::select(vec![Wish::None, Wish::Switch, Wish::SwitchWithoutCut])
}

fn heed() -> impl Strategy<Value = Heed> {
    (node(), any::<u64>(), any::<u64>()).prop_map(|(node, boot, stamp)| Heed { node, boot, stamp })
}

fn file() -> impl Strategy<Value = FileVersion> {
    any::<[u64; 3]>().prop_map(|[term, generation, hash]| FileVersion {
        term,
        generation,
        hash,
    })
}

/// Of a sound server that says nothing in particular.
pub fn plain(from: NodeId, state: State, term: Term) -> Advert {
    Advert {
        from,
        boot: 1,
        protocol: PROTOCOL,
        release: 1,
        term,
        state,
        conditions: Conditions::default(),
        holds: state == State::Active,
        released: None,
        reaches_ping: true,
        able: true,
        ready: true,
        starting: false,
        wish: Wish::None,
        handing: None,
        vote: None,
        stamp: 0,
        heeds: None,
        file: FileVersion::default(),
    }
}

pub fn advert() -> impl Strategy<Value = Advert> {
    let who = (node(), any::<u64>(), any::<u32>(), term(), state(), wish());
    let options = (
        prop::option::of(term()),
        prop::option::of(node()),
        prop::option::of((term(), node())),
        prop::option::of(heed()),
    );
    let rest = (any::<[bool; 9]>(), any::<u64>(), file());
    (who, options, rest).prop_map(|(who, options, (bits, stamp, file))| {
        let (from, boot, release, term, state, wish) = who;
        let (released, handing, vote, heeds) = options;
        let [
            isolated,
            blind,
            failing,
            claiming,
            holds,
            reaches_ping,
            able,
            ready,
            starting,
        ] = bits;
        Advert {
            from,
            boot,
            protocol: PROTOCOL,
            release,
            term,
            state,
            conditions: Conditions {
                isolated,
                blind,
                failing,
                claiming,
            },
            holds,
            released,
            reaches_ping,
            able,
            ready,
            starting,
            wish,
            handing,
            vote,
            stamp,
            heeds,
            file,
        }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(advert in advert()) {
        prop_assert_eq!(Advert::decode(&advert.encode()), Ok(advert));
    }

    /// Bytes mean one thing, and one thing has one form: what is accepted is written in the same way again.
    #[test]
    fn a_flipped_bit_is_refused_or_another_advert(advert in advert(), bit in 0..ADVERT_BYTES * 8) {
        let mut bytes = advert.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Advert::decode(&bytes) {
            prop_assert_ne!(other, advert);
            // Of a later protocol only what is known is kept.
            prop_assert!(other.protocol != PROTOCOL || other.encode() == bytes);
        }
    }

    #[test]
    fn a_part_is_no_advert(advert in advert(), length in 0..ADVERT_BYTES) {
        let part = Advert::decode(&advert.encode()[..length]);
        prop_assert_eq!(part, Err(Malformed::Length { bytes: length }));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Advert::decode(&bytes);
    }

    /// A later protocol adds behind what there is.
    #[test]
    fn a_later_protocol_is_told_from_garbage(advert in advert(), later in 2..u16::MAX, more in 0_usize..200) {
        let advert = Advert { protocol: later, ..advert };
        let mut bytes = advert.encode().to_vec();
        bytes.resize(ADVERT_BYTES + more, 7);
        bytes[7] = 9;
        prop_assert_eq!(Advert::decode(&bytes), Ok(advert));
    }
}

#[test]
fn more_bytes_than_an_advert_of_this_protocol_are_refused() {
    let bytes = [1; ADVERT_BYTES + 1];
    let mut own = bytes;
    own[..2].copy_from_slice(&PROTOCOL.to_be_bytes());
    let length = Malformed::Length { bytes: own.len() };
    assert_eq!(Advert::decode(&own), Err(length));
    assert_eq!(Advert::decode(&[0; ADVERT_BYTES]), Err(Malformed::Protocol));
}

#[test]
fn a_term_in_bits_keeps_the_order() {
    let low = Term {
        number: 7,
        main: true,
    };
    let high = Term {
        number: 8,
        main: false,
    };
    assert!(low.bits() < high.bits() && low < high);
    assert_eq!(Term::from_bits(low.bits()), low);
    let last = Term {
        number: u64::MAX,
        main: false,
    };
    assert_eq!(Term::from_bits(last.bits()).number, Term::NUMBER_MAX);
    assert_eq!(last.next(true).number, Term::NUMBER_MAX);
}
