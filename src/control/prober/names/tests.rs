use super::*;
use crate::control::shared::tests::current_of;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn what_a_name_resolves_to_goes_into_the_plan() {
    let current = current_of("out1 = 'web:81'\nout2 = '10.0.0.2'\nout3 = 'web:81'\nout4 = 'web'\n");
    let name = HostPort::parse("web:81", 80).unwrap();
    let (one, two) = (address("10.0.0.8:81"), address("10.0.0.9:81"));
    let both = Resolved::To(vec![one, two]);
    let plan = with(&current.plan, &current.config, &name, &both).expect("a change");
    let addresses = |plan: &Plan| -> Vec<Option<SocketAddr>> {
        plan.outputs.iter().map(|output| output.address).collect()
    };
    let fixed = Some(address("10.0.0.2:80"));
    assert_eq!(addresses(&plan), [Some(one), fixed, Some(one), None]);
    for same in [Resolved::To(vec![two, one]), Resolved::Unknown] {
        assert!(with(&plan, &current.config, &name, &same).is_none());
    }
    let moved = with(&plan, &current.config, &name, &Resolved::To(vec![two])).expect("a change");
    assert_eq!(addresses(&moved), [Some(two), fixed, Some(two), None]);
    let gone = with(&plan, &current.config, &name, &Resolved::Nowhere).expect("a change");
    assert_eq!(addresses(&gone), [None, fixed, None, None]);
    for nothing in [Resolved::Nowhere, Resolved::Unknown] {
        assert!(with(&gone, &current.config, &name, &nothing).is_none());
    }
}

#[test]
fn only_a_resolver_that_answers_says_that_there_is_no_such_name() {
    let words = |text: &str| unresolved(&io::Error::other(text));
    let failed = "failed to lookup address information: ";
    for (text, resolved) in [
        ("Name or service not known", Resolved::Nowhere),
        ("No address associated with hostname", Resolved::Nowhere),
        ("Name does not resolve", Resolved::Nowhere),
        ("Temporary failure in name resolution", Resolved::Unknown),
        ("Try again", Resolved::Unknown),
    ] {
        assert_eq!(words(&format!("{failed}{text}")), resolved, "{text}");
    }
    let short = io::Error::from_raw_os_error(24);
    assert_eq!(unresolved(&short), Resolved::Unknown);
}

#[test]
fn the_system_knows_this_machine() {
    let name = HostPort::parse("localhost:81", 80).unwrap();
    let Resolved::To(addresses) = system(&name) else {
        panic!("every machine knows localhost");
    };
    assert!(addresses.iter().all(|address| address.ip().is_loopback()));
    assert!(addresses.iter().all(|address| address.port() == 81));
}

#[test]
fn a_start_waits_for_names_but_not_for_one_that_hangs() {
    let config =
        current_of("out1 = 'web'\nout2 = 'hangs'\nout3 = '10.0.0.3'\nout4 = 'gone'").config;
    let (_hold, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let web = address("10.0.0.8:80");
    let resolve: Resolve = Arc::new(move |name| match name.to_string().as_str() {
        "web:80" => Resolved::To(vec![web]),
        "gone:80" => Resolved::Nowhere,
        _ => {
            let _ends = held.lock().unwrap().recv();
            Resolved::Unknown
        }
    });
    let known = known_within(Duration::from_secs(1), &config, &resolve);
    assert_eq!(known.len(), 1);
    assert_eq!(known[&HostPort::parse("web", 80).unwrap()], web);
    // Without one that hangs, no time is lost.
    let config = current_of("out1 = 'web'\nout4 = 'gone'").config;
    let known = known_within(Duration::MAX, &config, &resolve);
    assert_eq!(known.len(), 1);
}
