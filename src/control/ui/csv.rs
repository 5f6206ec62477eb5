//! HAProxy's CSV, for what reads it: its columns in its order (those of `show stat`, up to the column `-` that ends
//! the fixed ones). What HALB does not have stays empty.

use crate::control::overview::shape::OutputView;
use crate::control::overview::shape::Overview;
use crate::control::overview::shape::Word;
use crate::control::overview::window::Passed;
use crate::plane::histogram::Reading;

const COLUMNS: &str = "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,\
status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,\
rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,\
req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,\
ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,\
agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,\
connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,\
safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,-";

/// HALB's input and the set of its outputs, as HAProxy would call a frontend and a backend.
const INPUT: &str = "in";
const OUTPUTS: &str = "out";
/// HAProxy's numbers for the kinds of lines.
const FRONTEND: u8 = 0;
const BACKEND: u8 = 1;
const SERVER: u8 = 2;

/// One line, by the names of its columns.
struct Line(Vec<(&'static str, String)>);

/// Header, the input, each output, and all outputs together.
pub fn of(overview: &Overview) -> String {
    let mut text = format!("# {COLUMNS},\n");
    text.push_str(&input(overview).text());
    for output in &overview.outputs {
        text.push_str(&server(output).text());
    }
    text.push_str(&backend(overview).text());
    text
}

fn input(overview: &Overview) -> Line {
    let figures = &overview.figures;
    let mut line = Line::new(INPUT, "FRONTEND", FRONTEND);
    line.put("scur", figures.connections_active);
    line.put("slim", figures.max_connections);
    line.put("stot", figures.connections_total);
    line.put("status", "OPEN");
    line.put("iid", 1);
    line.put("sid", 0);
    line.put("req_rate", overview.passed.requests_per_s.round());
    line.put("req_tot", figures.requests_total);
    line.put("conn_tot", figures.connections_total);
    line.put("intercepted", figures.replies_total);
    line.put("bin", sum(overview, |output| output.figures.bytes_in));
    line.put("bout", sum(overview, |output| output.figures.bytes_out));
    line
}

fn server(output: &OutputView) -> Line {
    let figures = &output.figures;
    let mut line = Line::new(OUTPUTS, &figures.id.to_string(), SERVER);
    line.put("qcur", figures.queue.now);
    line.put("qmax", figures.queue.most);
    line.put("scur", figures.sessions_active);
    line.put("smax", figures.sessions_max);
    line.put("stot", figures.sessions_total);
    line.put("bin", figures.bytes_in);
    line.put("bout", figures.bytes_out);
    line.put("econ", figures.connect_errors);
    line.put("eresp", figures.response_errors);
    line.put("status", status(output.word()));
    line.put("weight", output.weight);
    line.put("uweight", output.weight);
    line.put("act", u8::from(!output.backup));
    line.put("bck", u8::from(output.backup));
    line.put("chkfail", figures.errors);
    line.put("chkdown", figures.downs);
    line.put("lastchg", output.since.as_secs());
    line.put("iid", 2);
    line.put("sid", figures.id.number());
    line.put("connect", figures.connects_total);
    if let Some(probe) = &output.probe {
        line.put("check_duration", probe.took.as_millis());
        line.put("last_chk", &probe.text);
    }
    if let Some(address) = output.address {
        line.put("addr", address);
    }
    for (column, class) in CLASSES.into_iter().zip(figures.classes) {
        line.put(column, class);
    }
    line.put_passed(&output.passed);
    line
}

fn backend(overview: &Overview) -> Line {
    let figures = &overview.figures;
    let mut line = Line::new(OUTPUTS, "BACKEND", BACKEND);
    let ready = |backup: bool| {
        let ready = |output: &&OutputView| output.word() == Word::Up && output.backup == backup;
        overview.outputs.iter().filter(ready).count()
    };
    let (active, backups) = (ready(false), ready(true));
    line.put("qcur", figures.queue.now);
    line.put("qmax", figures.queue.most);
    line.put("scur", figures.sessions_active);
    line.put("smax", figures.sessions_max);
    line.put("stot", figures.sessions_total);
    line.put("status", if active + backups > 0 { "UP" } else { "DOWN" });
    line.put("act", active);
    line.put("bck", backups);
    line.put("iid", 2);
    line.put("sid", 0);
    line.put("bin", sum(overview, |output| output.figures.bytes_in));
    line.put("bout", sum(overview, |output| output.figures.bytes_out));
    line.put(
        "econ",
        sum(overview, |output| output.figures.connect_errors),
    );
    line.put(
        "eresp",
        sum(overview, |output| output.figures.response_errors),
    );
    line.put("chkfail", figures.errors);
    line.put("chkdown", sum(overview, |output| output.figures.downs));
    line.put(
        "connect",
        sum(overview, |output| output.figures.connects_total),
    );
    line.put("req_tot", figures.sessions_total);
    for (index, column) in CLASSES.into_iter().enumerate() {
        line.put(
            column,
            sum(overview, |output| output.figures.classes[index]),
        );
    }
    line.put_passed(&overview.passed);
    line
}

const CLASSES: [&str; 5] = ["hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx"];

fn sum(overview: &Overview, of: impl Fn(&OutputView) -> u64) -> u64 {
    overview.outputs.iter().map(of).sum()
}

/// In the words that monitoring plugins of HAProxy know.
fn status(word: Word) -> &'static str {
    match word {
        Word::Up => "UP",
        Word::Down => "DOWN",
        Word::Drain => "DRAIN",
        Word::Disabled => "MAINT",
        Word::Checking => "no check",
    }
}

impl Line {
    fn new(proxy: &str, service: &str, kind: u8) -> Line {
        let mut line = Line(Vec::new());
        line.put("pxname", proxy);
        line.put("svname", service);
        line.put("pid", 1);
        line.put("type", kind);
        line.put("mode", "http");
        line.put("-", "-");
        line
    }

    fn put(&mut self, column: &'static str, value: impl ToString) {
        debug_assert!(COLUMNS.split(',').any(|known| known == column), "{column}");
        self.0.push((column, value.to_string()));
    }

    fn put_passed(&mut self, passed: &Passed) {
        self.put("rate", passed.requests_per_s.round());
        self.put("rtime", mean_ms(&passed.response));
    }

    /// In the order of the columns; what nobody put in is empty.
    fn text(&self) -> String {
        let value = |column: &str| {
            let found = self.0.iter().find(|(name, _)| *name == column);
            found.map_or_else(String::new, |(_, value)| quoted(value))
        };
        let cells: Vec<String> = COLUMNS.split(',').map(value).collect();
        format!("{},\n", cells.join(","))
    }
}

fn mean_ms(reading: &Reading) -> u64 {
    reading.sum_micros.checked_div(reading.count()).unwrap_or(0) / 1000
}

/// RFC 4180: what holds a separator stands in quotation marks.
fn quoted(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_columns_of_the_header() {
        assert_eq!(COLUMNS.split(',').count(), 104);
        let mut line = Line::new("in", "FRONTEND", FRONTEND);
        line.put("last_chk", "HTTP 500, \"no\"");
        let text = line.text();
        assert!(text.starts_with("in,FRONTEND,,,"), "{text}");
        assert!(text.contains(",\"HTTP 500, \"\"no\"\"\","), "{text}");
        assert!(text.ends_with(",-,\n"), "{text}");
    }
}
