//! Names that users may get wrong, and names of environment variables.

use crate::model::config::Config;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::model::property;
use crate::model::property::PROPERTIES;
use crate::model::property::Property;

/// What every variable of ours begins with.
pub const PREFIX: &str = "HALB_";
/// Says which server of the domain this one is.
pub const NODE_VARIABLE: &str = "HALB_NODE";

/// What a variable that begins with [`PREFIX`] means.
pub enum Variable {
    /// The property of that name.
    Property(String),
    Node,
    /// Kubernetes gives these to every container beside a Service that is named halb.
    Kubernetes,
    Unknown,
}

/// Reads the name of a variable that begins with [`PREFIX`].
pub fn variable(name: &str) -> Variable {
    if name == NODE_VARIABLE {
        return Variable::Node;
    }
    if let Some(property) = environment_names().find(|(variable, _)| variable == name) {
        return Variable::Property(property.1);
    }
    let injected = name == "HALB_SERVICE_HOST"
        || name == "HALB_SERVICE_PORT"
        || name.starts_with("HALB_SERVICE_PORT_")
        || name == "HALB_PORT"
        || name.starts_with("HALB_PORT_");
    if injected {
        Variable::Kubernetes
    } else {
        Variable::Unknown
    }
}

/// The known variable that is nearest to `name`.
pub fn nearest_variable(name: &str) -> String {
    let names: Vec<String> = environment_names().map(|(variable, _)| variable).collect();
    nearest(name, names.iter().map(String::as_str)).to_owned()
}

/// The candidate that is nearest to `name`; it is also so far away that it cannot be meant,
/// since users asked for it always.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> &'a str {
    let lower = name.to_lowercase();
    candidates
        .min_by_key(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, *candidate)
        })
        .unwrap_or_default()
}

/// Every name that a property may be given by at the top level, or inside `section`.
pub fn keys(section: Option<&str>) -> Vec<String> {
    let mut names = Vec::new();
    for property in PROPERTIES {
        match (section, property.section()) {
            (None, Some(own)) => names.push(own.to_owned()),
            (None, None) => names.extend(own_names(property)),
            (Some(section), Some(own)) if section == own => names.push(property.key().to_owned()),
            (Some(_), _) => {}
        }
    }
    names.dedup();
    names
}

fn environment_names() -> impl Iterator<Item = (String, String)> {
    PROPERTIES
        .iter()
        .flat_map(own_names)
        .map(|name| (variable_of(&name), name))
}

/// `resources.cpu` is `HALB_RESOURCES_CPU`.
pub fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('.', "_").to_ascii_uppercase())
}

fn own_names(property: &Property<Config>) -> Vec<String> {
    if property.name == property::OUTPUTS_ROW {
        return (0..OUTPUTS_MAX)
            .filter_map(OutputId::from_index)
            .map(|id| id.to_string())
            .collect();
    }
    std::iter::once(property.name)
        .chain(property.alias)
        .map(str::to_owned)
        .collect()
}
