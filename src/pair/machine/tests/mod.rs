mod chance;
mod domain;
mod rig;
mod table;
mod votes;
mod words;
