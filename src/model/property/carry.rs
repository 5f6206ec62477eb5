//! A value from one configuration into another.

use crate::model::property::Field;
use crate::model::property::Kind;

/// Gives `to` the value that `from` has.
pub fn carry<T>(kind: &Kind<T>, from: &mut T, to: &mut T) {
    match *kind {
        Kind::Text { field, .. } => copy(field, from, to),
        Kind::Choice { set, get, .. } => set(to, get(from)),
        Kind::Integer { field, .. } => copy(field, from, to),
        Kind::OptionalInteger { field, .. } => copy(field, from, to),
        Kind::Port { field } => copy(field, from, to),
        Kind::Timeout { field } => copy(field, from, to),
        Kind::Length { field, .. } => copy(field, from, to),
        Kind::Flag { field } => copy(field, from, to),
        Kind::Bind { field } => copy(field, from, to),
        Kind::Sockets { field, .. } => copy(field, from, to),
        Kind::Networks { field } | Kind::Prefixed { field } => copy(field, from, to),
        Kind::OptionalNetworks { field } => copy(field, from, to),
        Kind::Addresses { field } => copy(field, from, to),
        Kind::HostNames { field } => copy(field, from, to),
        Kind::OutputNames { field } => copy(field, from, to),
        Kind::Outputs { field } => copy(field, from, to),
        Kind::Backend { field } => copy(field, from, to),
        Kind::Mon { field } => copy(field, from, to),
        Kind::AccessLog { field } => copy(field, from, to),
        Kind::ErrorFiles { field } => copy(field, from, to),
        Kind::Path { field } => copy(field, from, to),
        Kind::Cpu { field } => copy(field, from, to),
        Kind::Memory { field } => copy(field, from, to),
        Kind::Bandwidth { field } => copy(field, from, to),
        Kind::Servers { field } => copy(field, from, to),
        Kind::Overlay { field } => copy(field, from, to),
    }
}

fn copy<T, V: Clone>(field: Field<T, V>, from: &mut T, to: &mut T) {
    field(to).clone_from(field(from));
}
