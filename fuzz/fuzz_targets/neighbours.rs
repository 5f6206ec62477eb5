//! What anybody on the service network may send to the warden, and what its pipe may carry.
#![no_main]

use halb::warden::segment::echo;
use halb::warden::segment::frame;
use halb::warden::wire::Said;
use halb::warden::wire::Told;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = frame::read_arp(bytes);
    let _ = frame::read_advertisement(bytes);
    let _ = echo::answers(7, bytes);
    let _ = echo::answers6(7, bytes);
    let mut again = Vec::new();
    if let Some(told) = Told::decode(bytes) {
        told.encode(&mut again);
        assert_eq!(again, bytes);
    }
    if let Some(said) = Said::decode(bytes)
        && !matches!(said, Said::Trouble(_))
    {
        said.encode(&mut again);
        assert_eq!(again, bytes);
    }
});
