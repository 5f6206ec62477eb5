use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::echo;
use super::frame::*;

const CARD: Hardware = [2, 0, 0, 0, 0, 7];

fn v4(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0x12, last)
}

/// As the one who gets it checks it: over everything the sum is zero.
fn sums_up(frame: &[u8]) -> bool {
    let (head, message) = frame[14..].split_at(40);
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    checksum(&[&head[8..40], &length, &[0, 0, 0, 58], message]) == 0
}

#[test]
fn an_arp_probe_names_no_sender() {
    let frame = arp_question(CARD, None, v4(100));
    let bytes = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7, 8, 6, // Ethernet
        0, 1, 8, 0, 6, 4, 0, 1, // a request
        2, 0, 0, 0, 0, 7, 0, 0, 0, 0, // from
        0, 0, 0, 0, 0, 0, 10, 0, 0, 100, // for
    ];
    assert_eq!(frame[..42], bytes);
    assert_eq!(frame.len(), 60);
    assert_eq!(read_arp(&frame), None, "who probes has nothing");
}

#[test]
fn both_announcements_say_who_has_it() {
    for (form, number) in [(Arp::Request, 1), (Arp::Reply, 2)] {
        let frame = arp_announcement(form, CARD, v4(100));
        assert_eq!(frame[20..22], [0, number]);
        assert_eq!(frame[38..42], [10, 0, 0, 100]);
        let claim = read_arp(&frame).unwrap();
        assert_eq!(claim.address, v4(100));
        assert_eq!(claim.hardware, Some(CARD));
    }
}

#[test]
fn a_neighbour_is_asked_for_in_its_group() {
    let frame = neighbour_question(CARD, None, v6(0x3456));
    assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
    assert_eq!(frame[22..38], [0; 16]);
    let group: Ipv6Addr = "ff02::1:ff12:3456".parse().unwrap();
    assert_eq!(frame[38..54], group.octets());
    assert_eq!(frame.len(), 14 + 40 + 24, "a probe has no option");
    assert!(sums_up(&frame));

    let frame = neighbour_question(CARD, Some(v6(1)), v6(2));
    assert_eq!(frame[22..38], v6(1).octets());
    assert_eq!(frame[78..], [1, 1, 2, 0, 0, 0, 0, 7]);
    assert!(sums_up(&frame));
}

#[test]
fn a_neighbour_is_announced_to_all() {
    let frame = neighbour_announcement(CARD, v6(9));
    assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(frame[21], 255);
    assert!(sums_up(&frame));
    let claim = read_advertisement(&frame[54..]).unwrap();
    assert_eq!(claim.address, v6(9));
    assert_eq!(claim.hardware, Some(CARD));
}

#[test]
fn an_advertisement_need_not_say_where() {
    let frame = neighbour_announcement(CARD, v6(9));
    let claim = read_advertisement(&frame[54..78]).unwrap();
    assert_eq!(claim.hardware, None);
}

#[test]
fn an_option_without_a_length_makes_it_invalid() {
    let mut message = neighbour_announcement(CARD, v6(9))[54..].to_vec();
    message[25] = 0;
    // Ours, a kind that nobody asked for, and one that there is not: none of them is read for ever.
    for kind in [2, 1, 250] {
        message[24] = kind;
        assert_eq!(read_advertisement(&message), None);
    }
}

#[test]
fn only_our_own_echo_answers() {
    let request = echo::request(7, 1);
    assert_eq!(checksum(&[&request]), 0);
    let answer = |kind: u8, mark: u16, head: usize| {
        let mut packet = vec![0x40 | (head / 4) as u8];
        packet.resize(head, 0);
        packet.extend_from_slice(&echo::request(mark, 1));
        packet[head] = kind;
        packet
    };
    assert!(echo::answers(7, &answer(0, 7, 20)));
    assert!(echo::answers(7, &answer(0, 7, 24)), "with options");
    assert!(!echo::answers(7, &answer(0, 8, 20)), "another program's");
    assert!(!echo::answers(7, &answer(8, 7, 20)), "a request");
    assert!(echo::answers6(7, &answer(129, 7, 20)[20..]));
    assert!(!echo::answers6(7, &answer(128, 7, 20)[20..]));
}

proptest! {
    #[test]
    fn no_frame_panics(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = read_arp(&bytes);
        let _ = read_advertisement(&bytes);
        let _ = echo::answers(1, &bytes);
        let _ = echo::answers6(1, &bytes);
    }

    #[test]
    fn nothing_that_was_cut_or_bent_panics_or_is_longer(
        at in any::<prop::sample::Index>(), bent in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        for (skipped, mut frame) in [
            (0, arp_announcement(Arp::Reply, CARD, v4(1))),
            (54, neighbour_announcement(CARD, v6(1))),
        ] {
            let at = at.index(frame.len());
            frame[at] = bent;
            let frame = &frame[..cut.index(frame.len())];
            let _ = read_arp(frame);
            let _ = read_advertisement(frame.get(skipped..).unwrap_or_default());
        }
    }

    #[test]
    fn the_checksum_does_not_depend_on_how_it_is_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..64), at in 0usize..32,
    ) {
        let (one, two) = bytes.split_at((at * 2).min(bytes.len() / 2 * 2));
        prop_assert_eq!(checksum(&[one, two]), checksum(&[&bytes]));
    }
}
