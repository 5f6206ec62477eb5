//! The one who keeps the domain file: one thing after another, in the order in which it happens.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::interval;
use tokio::time::sleep;

use crate::control::domain::Subject;
use crate::control::domain::file::Command;
use crate::control::domain::file::DomainFile;
use crate::control::domain::file::Examined;
use crate::control::domain::file::Setup;
use crate::control::domain::file::Submission;
use crate::control::domain::file::What;
use crate::control::domain::file::Wish;
use crate::control::domain::file::answer::Answered;
use crate::control::domain::file::join;
use crate::control::domain::file::record;
use crate::control::domain::file::record::Record;
use crate::control::domain::file::view::OtherView;
use crate::control::domain::file::view::View;
use crate::control::domain::file::watch::Watch;
use crate::control::domain::file::work::Work;
use crate::control::domain::name_of;
use crate::control::log;
use crate::control::state::write::Kernel;
use crate::model::fingerprint::fingerprint;
use crate::pair::file::bytes::encode;
use crate::pair::file::head::Head;
use crate::pair::file::keeper::Keeper;
use crate::pair::file::message::Text;
use crate::pair::file::words::Action;
use crate::pair::file::words::Event;
use crate::pair::file::words::Note;
use crate::pair::file::words::Report;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::ring::clock;

/// How the pair stands is looked at so often.
const LOOK: Duration = Duration::from_millis(200);

pub(super) struct Task {
    file: Arc<DomainFile>,
    work: Arc<Work>,
    keeper: Keeper,
    conflicts: Vec<String>,
    /// Under way; one at a time.
    current: Option<Submission>,
    queue: VecDeque<Submission>,
    /// For [`View`].
    waiting: Vec<String>,
    trouble: Option<String>,
    /// Why this server goes by something else than what all have, if it does.
    not_in_force: Option<String>,
    /// Told to the others with the files that the file names.
    key: Option<(String, u64)>,
}

impl Task {
    /// Begins with what is in force; that may have been changed since the last run.
    pub(super) fn begin(file: Arc<DomainFile>, setup: Setup) -> Task {
        let text = Text::clone(&setup.text);
        let folder = setup.folder.as_ref();
        let known = folder.and_then(|folder| folder.read(record::FILE, record::decode));
        let known = known.unwrap_or_else(|| Record {
            head: Head::first(&text),
            conflicts: Vec::new(),
        });
        let head = match known.head.version.hash == fingerprint(&text) {
            true => known.head,
            // Whoever changed it while nobody ran wants it so, and it is in force here.
            false => {
                let _ = file.place.settle(&mut Kernel); // a disk that fails now is heard of at the next write
                known.head.child(known.head.version.term, &text)
            }
        };
        let me = setup.domain.node;
        setup.domain.readiness.file(head.version);
        join(&file, &setup.domain);
        let task = Task {
            work: Arc::new(Work::new(Arc::clone(&file), setup)),
            keeper: Keeper::new(me, head, text, clock::read().now),
            file,
            conflicts: known.conflicts,
            current: None,
            queue: VecDeque::new(),
            waiting: Vec::new(),
            trouble: None,
            not_in_force: None,
            key: None,
        };
        task.remember();
        let work = Arc::clone(&task.work);
        tokio::spawn(async move { work.read_key().await });
        if let Some(sentence) = task.file.place.unwritable() {
            task.note(sentence);
        }
        task
    }

    pub(super) async fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        let watching = tokio::spawn(watch(Arc::clone(&self.file)));
        let mut look = interval(LOOK);
        loop {
            let due = self.keeper.next();
            let due = async {
                match due {
                    Some(due) => sleep(due.since(clock::read().now)).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.on(command),
                    None => break,
                },
                () = due => self.event(Event::Tick),
                _ = look.tick() => self.look(),
            }
            self.next_submission();
            self.show();
        }
        watching.abort();
    }

    fn on(&mut self, command: Command) {
        match command {
            Command::Submit(submission) => self.queue.push_back(submission),
            Command::Examined(examined) => self.examined(examined),
            Command::Happened(event) => self.event(event),
            Command::Kept(names) => self.kept(names),
            Command::InForce(result) => {
                self.not_in_force = result.err();
                self.tell_version();
            }
            Command::Key(key) => self.key = key,
            Command::Acknowledge(reply) => {
                let seen = std::mem::take(&mut self.conflicts);
                self.remember();
                let _ = reply.send(seen);
            }
        }
    }

    fn event(&mut self, event: Event) {
        let was = self.keeper.head().clone();
        self.keeper.on(event, clock::read().now);
        if self.keeper.head().version != was.version {
            self.trouble = None;
            self.tell_version();
        }
        if *self.keeper.head() != was {
            self.remember();
        }
        while let Some(action) = self.keeper.take() {
            self.act(action);
        }
    }

    /// The others are told by what this server goes.
    fn tell_version(&self) {
        if self.not_in_force.is_none() {
            let version = self.keeper.head().version;
            self.work.domain().readiness.file(version);
        }
    }

    fn kept(&mut self, names: Vec<String>) {
        for name in &names {
            self.note(format!(
                "what was in the domain file of this server, and was not taken, is kept as {name}: look at it, then \
                 `halb domain ack`"
            ));
        }
        self.conflicts.extend(names);
        self.conflicts.sort();
        self.conflicts.dedup();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Tell { to, message } => {
                if let Some(peers) = self.work.domain().peers() {
                    peers.tell(to, Subject::File, encode(&message));
                }
            }
            Action::Check { number, text } => {
                let work = Arc::clone(&self.work);
                tokio::spawn(async move { work.check(number, text).await });
            }
            Action::Adopt { text, conflict, .. } => {
                let work = Arc::clone(&self.work);
                let was = (self.keeper.head().version, self.keeper.text().clone());
                tokio::spawn(async move { work.adopt(was, text, conflict).await });
            }
            // With every other change of the head.
            Action::Mark(_) => {}
            Action::Report(report) => self.report(report),
            Action::Note(note) => self.on_note(note),
        }
    }

    /// The next one that somebody wants is looked at, when none is under way.
    fn next_submission(&mut self) {
        if self.current.is_some() {
            return;
        }
        let Some(submission) = self.queue.pop_front() else {
            return;
        };
        let (work, wish) = (Arc::clone(&self.work), submission.wish.clone());
        // From before it is read: what another server changes meanwhile is not to be undone.
        let (base, known) = (self.keeper.head().version, self.keeper.text().clone());
        let asked = submission.reply.is_some();
        self.current = Some(submission);
        tokio::spawn(async move { work.examine(wish, base, known, asked).await });
    }

    fn examined(&mut self, Examined { base, result }: Examined) {
        let was_put_aside = self
            .current
            .as_ref()
            .is_some_and(|current| current.late && current.wish.what == What::Written);
        match result {
            Ok(text) => self.event(Event::Wanted { base, text }),
            Err(Answered::Same(_)) if was_put_aside => self.conclude(Answered::Late),
            Err(answered) => self.conclude(answered),
        }
    }

    /// Another server's change came first. What is in the file by now tells whether it was put aside for that, or may be
    /// wanted all the same.
    fn come_late(&mut self) {
        if let Some(mut submission) = self.current.take() {
            submission.late = true;
            self.queue.push_front(submission);
        }
    }

    fn report(&mut self, report: Report) {
        let answered = match report {
            Report::Taken { version, said } => Answered::Taken {
                version,
                said: said
                    .into_iter()
                    .map(|(node, said)| (self.name(node), said.map_err(|why| why.to_string())))
                    .collect(),
            },
            Report::Refused(why) => Answered::Refused(
                why.into_iter()
                    .map(|(node, why)| (self.name(node), why.to_string()))
                    .collect(),
            ),
            Report::Late => return self.come_late(),
            Report::Nothing => Answered::Same(crate::control::reload::Reloaded::Done(
                crate::control::reload::Report::default(),
            )),
        };
        self.conclude(answered);
    }

    /// What came of the submission that was under way: for whoever wanted it, and for everybody who looks.
    fn conclude(&mut self, answered: Answered) {
        let Some(Submission { wish, reply, .. }) = self.current.take() else {
            return;
        };
        // Else it tells nothing of what is in the file.
        if wish.what == What::Written {
            self.waiting.clear();
            self.trouble = None;
            match &answered {
                Answered::Asks(reasons) => self.waiting.clone_from(reasons),
                Answered::Refused(_) | Answered::Unusable(_) | Answered::Late => {
                    self.trouble = Some(answered.sentence());
                }
                Answered::Same(_) | Answered::Taken { .. } | Answered::Ended => {}
            }
        }
        if !matches!(answered, Answered::Same(_)) {
            self.note(answered.sentence());
        }
        if let Some(reply) = reply {
            let _ = reply.send(answered);
        }
    }

    fn on_note(&mut self, note: Note) {
        let version = |version| record::shown(version);
        let text = match note {
            Note::CaughtUp {
                from,
                version: of,
                said,
            } => format!(
                "domain file {} of {} taken: {said}",
                version(of),
                self.name(from)
            ),
            Note::Unfit {
                from,
                version: of,
                why,
            } => {
                let text = format!(
                    "domain file {} of {} cannot be taken here: {why}",
                    version(of),
                    self.name(from)
                );
                if self.trouble.as_ref() == Some(&text) {
                    return;
                }
                self.trouble = Some(text.clone());
                text
            }
        };
        self.note(text);
    }

    /// What the pair thread and the configuration say now.
    fn look(&mut self) {
        if let Some(standing) = self.work.domain().pair.standing() {
            let serves = standing.own.state == State::Active;
            let term = standing.own.term;
            self.event(Event::Term { term, serves });
            let peers = standing.peers.iter().flatten();
            let silent = peers.filter(|peer| !peer.alive);
            self.event(Event::Silent(silent.map(|peer| peer.advert.from).collect()));
        }
        let config = &self.work.shared().current().config;
        let files = config.error_files.values();
        let files = files.map(|file| {
            let name = file.path.display().to_string();
            (name, fingerprint(&file.page.body))
        });
        let aside = files.chain(self.key.clone());
        let aside = aside.collect();
        self.event(Event::Aside(aside));
    }

    fn show(&self) {
        let config = &self.work.shared().current().config;
        let me = self.work.domain().node;
        let own_aside = self.keeper.aside();
        let nodes = config
            .domain
            .iter()
            .flat_map(|domain| domain.servers.keys());
        let others = nodes.filter(|name| NodeId::of(name) != me).map(|name| {
            let other = self.keeper.others().get(&NodeId::of(name));
            let differs = |(file, hash): &&(String, u64)| {
                let theirs = other.map(|other| other.aside.iter());
                let mut theirs = theirs.into_iter().flatten();
                theirs.any(|(name, other)| name == file && other != hash)
            };
            let aside = own_aside.iter().filter(differs);
            OtherView {
                name: name.clone(),
                linked: other.is_some_and(|other| other.linked),
                head: other.and_then(|other| other.head.clone()),
                aside: aside.map(|(file, _)| file.clone()).collect(),
            }
        });
        let view = View {
            path: self.file.place.path().display().to_string(),
            head: self.keeper.head().clone(),
            waiting: self.waiting.clone(),
            trouble: self.shown_trouble(),
            conflicts: self.conflicts.clone(),
            others: others.collect(),
        };
        let mut shown = self
            .file
            .view
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *shown = view;
    }

    fn shown_trouble(&self) -> Option<String> {
        match &self.not_in_force {
            Some(why) => Some(format!(
                "version {} is written here and not in force, because {why}: `halb reload` tries again",
                record::shown(self.keeper.head().version)
            )),
            None => self.trouble.clone(),
        }
    }

    fn remember(&self) {
        self.work.remember(Record {
            head: self.keeper.head().clone(),
            conflicts: self.conflicts.clone(),
        });
    }

    fn note(&self, text: String) {
        self.work.shared().journal.note("domain_file", None, text);
    }

    fn name(&self, node: NodeId) -> String {
        match &self.work.shared().current().config.domain {
            Some(domain) => name_of(domain, node),
            None => node.to_string(),
        }
    }
}

/// Submits the file whenever it was written, and once at the beginning: it may have been written since the
/// configuration was read, and nothing told of that.
async fn watch(file: Arc<DomainFile>) {
    let watched = async {
        let mut watch = Watch::on(&file.place)?;
        loop {
            let submission = Submission {
                wish: Wish {
                    what: What::Written,
                    yes: false,
                },
                late: false,
                reply: None,
            };
            let _ = file.commands.send(Command::Submit(submission));
            watch.written().await?;
        }
    };
    let watched: io::Result<()> = watched.await;
    if let Err(error) = watched {
        log::event(
            "domain_file_unwatched",
            &[("cause", &error), ("instead", &"halb reload")],
        );
    }
}
