//! What stands in a template's places.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::compare::contender::free_address;
use crate::trouble::Trouble;

/// What a contender is told.
pub struct Places {
    pub listen: SocketAddr,
    pub origin: SocketAddr,
    /// Its own.
    pub folder: PathBuf,
    pub core: usize,
    pub forwarded: bool,
    pub full: bool,
    pub threads: usize,
}

impl Places {
    /// Every place filled in, those of `more` too; one that nobody knows is refused.
    pub fn fill(&self, text: &str, more: &[(String, String)]) -> Result<String, Trouble> {
        let mut text = text
            .replace("{{listen}}", &self.listen.to_string())
            .replace("{{origin}}", &self.origin.to_string())
            .replace("{{folder}}", &self.folder.display().to_string())
            .replace("{{core_mask}}", &format!("1{}", "0".repeat(self.core)))
            .replace("{{forwarded_switch}}", &self.forwarded.to_string())
            .replace("{{threads}}", &self.threads.to_string());
        for (place, value) in more {
            text = text.replace(place, value);
        }
        for place in ["{{ui_port}}", "{{ctl_port}}"] {
            if text.contains(place) {
                text = text.replace(place, &free_address()?.port().to_string());
            }
        }
        if let Some(start) = text.find("{{") {
            let rest: String = text[start..].chars().take(20).collect();
            return Err(Trouble::new(format!("nobody fills in {rest}")));
        }
        Ok(text)
    }
}

/// Lines that begin with a mark stay, without it, or go.
pub fn choose_lines(template: &str, places: &Places) -> String {
    let marks = [
        ("{{forwarded}}", places.forwarded),
        ("{{full}}", places.full),
        ("{{bare}}", !places.full),
    ];
    let choose = |line| {
        let marked = marks
            .iter()
            .find_map(|(mark, stays)| Some((str::strip_prefix(line, mark)?, *stays)));
        match marked {
            Some((rest, stays)) => stays.then_some(rest),
            None => Some(line),
        }
    };
    let lines = template.lines().filter_map(choose);
    lines.fold(String::new(), |text, line| text + line + "\n")
}
