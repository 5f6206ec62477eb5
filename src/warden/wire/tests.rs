use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

fn network() -> impl Strategy<Value = Network> {
    (address(), any::<u8>()).prop_map(|(address, prefix_length)| Network {
        address,
        prefix_length,
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    (
        ".{0,15}",
        prop::collection::vec(network(), 0..LIST_MAX),
        prop::collection::vec(address(), 0..LIST_MAX),
        any::<u64>(),
    )
        .prop_map(|(interface, addresses, ping_addresses, lease_s)| Setup {
            interface,
            addresses,
            ping_addresses,
            lease_s,
        })
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        setup().prop_map(Told::Setup),
        (any::<bool>(), any::<u64>()).prop_map(|(hold, nanos)| Told::Beat {
            hold,
            at: Instant::from_nanos(nanos)
        }),
        any::<u32>().prop_map(|number| Told::Ask { number }),
        Just(Told::Announce),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let reply = prop_oneof![
        Just(Reply::Silence),
        Just(Reply::Somebody),
        Just(Reply::Unable)
    ];
    prop_oneof![
        any::<u32>().prop_map(|process| Said::Started { process }),
        any::<bool>().prop_map(Said::Holds),
        (any::<u32>(), reply).prop_map(|(number, reply)| Said::Answered { number, reply }),
        Just(Said::Reached),
        any::<bool>().prop_map(Said::Carrier),
        ".{0,200}".prop_map(Said::Trouble),
    ]
}

proptest! {
    #[test]
    fn what_is_told_arrives(told in told()) {
        let mut bytes = b"from before".to_vec();
        told.encode(&mut bytes);
        prop_assert!(bytes.len() <= MESSAGE_MAX);
        prop_assert_eq!(Told::decode(&bytes), Some(told));
    }

    #[test]
    fn what_is_said_arrives(said in said()) {
        let mut bytes = Vec::new();
        said.encode(&mut bytes);
        prop_assert!(bytes.len() <= MESSAGE_MAX);
        prop_assert_eq!(Said::decode(&bytes), Some(said));
    }

    #[test]
    fn a_message_that_was_cut_or_lengthened_is_none(told in told(), said in said(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        told.encode(&mut bytes);
        prop_assert_eq!(Told::decode(&bytes[..cut.index(bytes.len())]), None);
        bytes.push(0);
        prop_assert_eq!(Told::decode(&bytes), None);
        said.encode(&mut bytes);
        prop_assert_eq!(Said::decode(&bytes[..cut.index(bytes.len())]), None);
        bytes.push(0);
        prop_assert_eq!(Said::decode(&bytes), None);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), kind in 0u8..8) {
        let bytes: Vec<u8> = [kind].into_iter().chain(bytes).collect();
        let _ = Told::decode(&bytes);
        let _ = Said::decode(&bytes);
    }
}

#[test]
fn a_long_sentence_is_cut_between_characters() {
    let mut bytes = Vec::new();
    Said::Trouble("ü".repeat(SENTENCE_MAX)).encode(&mut bytes);
    let Some(Said::Trouble(sentence)) = Said::decode(&bytes) else {
        panic!("a sentence");
    };
    assert_eq!(sentence, "ü".repeat(SENTENCE_MAX / 2));
}

#[test]
fn more_addresses_than_a_count_holds_are_not_carried() {
    let one = Network {
        address: IpAddr::V6(Ipv6Addr::LOCALHOST),
        prefix_length: 64,
    };
    let mut bytes = Vec::new();
    Told::Setup(Setup {
        addresses: vec![one; LIST_MAX + 1],
        ping_addresses: vec![one.address; LIST_MAX + 1],
        ..Setup::default()
    })
    .encode(&mut bytes);
    assert!(bytes.len() <= MESSAGE_MAX);
    let Some(Told::Setup(setup)) = Told::decode(&bytes) else {
        panic!("a setup");
    };
    assert_eq!(setup.addresses.len(), LIST_MAX);
    assert_eq!(setup.ping_addresses.len(), LIST_MAX);
}
