//! What would be left or hurt, as a person reads it. Pure.

use std::fmt::Write;

use super::left::{Hindrance, KeptDefinition, KeptLease, KeptTenant, Left};
use crate::cli::plan::Exit;
use crate::cli::plan::text::visible;

/// What is in the way first, then what stays. The last line says how it ends.
#[must_use]
pub fn text(left: &Left) -> String {
    let mut text = String::new();
    let Left { namespace, in_the_way, tenants, definition, leases, unseen } = left;
    // Writing to a String cannot fail.
    if let Some(namespace) = namespace {
        let _ = writeln!(text, "Resources of namespace {namespace} only.\n");
    }
    if !in_the_way.is_empty() {
        let _ = writeln!(text, "In the way");
        for Hindrance { namespace, name, kind: _, problem, release, command } in in_the_way {
            let _ = writeln!(text, "  {namespace}/{name}: {problem}\n    {release}.");
            if let Some(command) = command {
                let _ = writeln!(text, "    {command}");
            }
        }
        let _ = writeln!(text);
    }
    of_tenants(tenants, &mut text);
    let _ = writeln!(text, "What stays in the cluster");
    if unseen.is_empty() || definition.is_some() {
        of_definition(definition.as_ref(), tenants.len(), &mut text);
    }
    if !unseen.is_empty() {
        let _ = writeln!(text, "  not looked at, because you may not: {}", unseen.join(", "));
    }
    for KeptLease { namespace, name, holder } in leases {
        let held = holder.as_ref().map_or_else(|| "given up".to_owned(), |holder| format!("held by {holder}"));
        let _ = writeln!(text, "  Lease {namespace}/{name} ({held}): it goes with its namespace, or delete it");
    }
    let _ = writeln!(text, "\n{}", end(in_the_way.len()));
    text.lines().map(|line| visible(line).trim_end().to_owned() + "\n").collect()
}

fn of_tenants(tenants: &[KeptTenant], text: &mut String) {
    if tenants.is_empty() {
        return;
    }
    let _ = writeln!(text, "Tenants, which stay as they are; nobody looks after them any more");
    for KeptTenant { namespace, name, tenant_id, service_on, region, broker_instance } in tenants {
        let service = match service_on.as_str() {
            "True" => "the service is on",
            "False" => "the service is off",
            _ => "whether the service is on is not known",
        };
        let place = region.as_ref().map(|region| format!(", data in {region}")).unwrap_or_default();
        let instance = broker_instance
            .as_ref()
            .map(|id| format!("; a broker that has instance {id} keeps it"))
            .unwrap_or_default();
        let _ = writeln!(text, "  {namespace}/{name}: tenant {tenant_id}, {service}{place}{instance}");
    }
    let _ = writeln!(text);
}

fn of_definition(definition: Option<&KeptDefinition>, resources: usize, text: &mut String) {
    match definition {
        None => {
            let _ = writeln!(text, "  no definition: there are no resources");
        }
        Some(KeptDefinition { name, is_deleting: true }) => {
            let _ = writeln!(text, "  CustomResourceDefinition {name}: it is being deleted, with every resource");
        }
        Some(KeptDefinition { name, is_deleting: false }) => {
            let _ = writeln!(
                text,
                "  CustomResourceDefinition {name}, and the {resources} resources that are listed here: deleting it deletes every resource and touches no tenant"
            );
        }
    }
}

fn end(in_the_way: usize) -> String {
    match in_the_way {
        0 => format!("Nothing is in the way. Exit {}.", Exit::Settled.code()),
        1 => format!("1 thing is in the way. Exit {}.", Exit::Pending.code()),
        many => format!("{many} things are in the way. Exit {}.", Exit::Pending.code()),
    }
}
