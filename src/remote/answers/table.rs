//! The table of documented answers.

use super::{ErrorBody, Meaning};
use crate::remote::call::Operation;

/// What the table knows of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It has a row.
    Means(Meaning),
    /// A 403 without a row.
    Undocumented403,
    /// It has none.
    Nothing,
}

/// Which statuses a row is about.
enum Status {
    Is(u16),
    Between(u16, u16),
}

/// What the message must say. Only documented strings stand here; everything else is told by status and code.
enum Words {
    Any,
    /// Nothing at all.
    None,
    /// This, in any case of letters.
    Has(&'static str),
}

/// A documented answer. `code` is compared without regard to case, with every code of the body.
struct Row {
    operations: &'static [Operation],
    status: Status,
    code: Option<&'static str>,
    words: Words,
    meaning: Meaning,
    /// Where that is written.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for the reader of the table, and for the test that none is empty")
    )]
    source: &'static str,
}

/// Every operation.
const ALL: &[Operation] = &[];
const WRITES: &[Operation] = &[Operation::PutSecuritySetting, Operation::PutConnector, Operation::DeleteConnector];
const FEATURES: &[Operation] = &[Operation::Incidents, Operation::Alerts, Operation::Hunting];
const RESOURCE_MANAGER: &[Operation] = &[
    Operation::Subscription,
    Operation::SecuritySettings,
    Operation::PutSecuritySetting,
    Operation::MdeOnboarding,
    Operation::Connectors,
    Operation::ConnectorRequirements,
    Operation::PutConnector,
    Operation::DeleteConnector,
];

/// The first row that fits decides.
const ROWS: [Row; 16] = [
    Row {
        operations: FEATURES,
        status: Status::Is(403),
        code: None,
        words: Words::Has("Missing application roles"),
        meaning: Meaning::NotPermitted,
        source: "wazuh/wazuh#31670; wazuh/wazuh-documentation#7300",
    },
    Row {
        operations: &[Operation::IdentityHealth],
        status: Status::Is(403),
        code: None,
        words: Words::Has("not onboarded to Microsoft Defender for Identity"),
        meaning: Meaning::NotOnboarded,
        source: "microsoft/zerotrustassessment#1352 (validated on a real tenant); Maester, MT.1059",
    },
    Row {
        operations: &[Operation::IdentityHealth],
        status: Status::Is(403),
        code: Some("UnknownError"),
        words: Words::None,
        meaning: Meaning::NotPermitted,
        source: "microsoft/zerotrustassessment#1352",
    },
    Row {
        operations: &[Operation::Hunting],
        status: Status::Is(400),
        code: None,
        words: Words::Has("Failed to resolve table or column expression named"),
        meaning: Meaning::TableAbsent,
        source: "briandelmsft/STAT-Function#30; Maester; zerotrustassessment, Test-Assessment.41116",
    },
    Row {
        operations: &[Operation::Hunting],
        status: Status::Is(403),
        code: None,
        words: Words::Has("licens"),
        meaning: Meaning::NotLicensed,
        source: "zerotrustassessment, Test-Assessment.41116",
    },
    Row {
        operations: &[Operation::Hunting],
        status: Status::Is(500),
        code: Some("UnknownError"),
        words: Words::Any,
        meaning: Meaning::Unclear,
        source: "microsoftgraph/microsoft-graph-docs-contrib#19084",
    },
    Row {
        operations: FEATURES,
        status: Status::Is(403),
        code: Some("DisabledFeature"),
        words: Words::Any,
        meaning: Meaning::Disabled,
        source: "Microsoft, Common Microsoft Defender XDR API error codes",
    },
    Row {
        operations: &[Operation::EligibleAssignments],
        status: Status::Is(400),
        code: Some("AadPremiumLicenseRequired"),
        words: Words::Any,
        meaning: Meaning::NoPremium,
        source: "microsoft/zerotrustassessment#1021",
    },
    Row {
        operations: RESOURCE_MANAGER,
        status: Status::Is(401),
        code: Some("InvalidAuthenticationTokenTenant"),
        words: Words::Any,
        meaning: Meaning::ForeignSubscription,
        source: "Azure Resource Manager, as quoted by many: the access token is from the wrong issuer",
    },
    Row {
        operations: &[Operation::PutConnector],
        status: Status::Is(401),
        code: Some("InvalidLicense"),
        words: Words::Any,
        meaning: Meaning::NeedsPerson,
        source: "terraform-provider-azurerm#10669; Azure/Azure-Sentinel#5007, #9986; Azure/SimuLand#23",
    },
    Row {
        operations: WRITES,
        status: Status::Is(409),
        code: None,
        words: Words::Any,
        meaning: Meaning::Conflict,
        source: "RFC 9110, section 15.5.10",
    },
    Row {
        operations: WRITES,
        status: Status::Is(412),
        code: None,
        words: Words::Any,
        meaning: Meaning::Conflict,
        source: "RFC 9110, section 15.5.13; azure-rest-api-specs, Microsoft.SecurityInsights (etag)",
    },
    Row {
        operations: ALL,
        status: Status::Is(404),
        code: None,
        words: Words::Any,
        meaning: Meaning::NotThere,
        source: "Microsoft Graph error responses; RFC 9110, section 15.5.5",
    },
    Row {
        operations: ALL,
        status: Status::Is(429),
        code: None,
        words: Words::Any,
        meaning: Meaning::Throttled,
        source: "Microsoft Graph throttling guidance",
    },
    Row {
        operations: ALL,
        status: Status::Is(206),
        code: None,
        words: Words::Any,
        meaning: Meaning::Unclear,
        source: "microsoftgraph/microsoft-graph-docs-contrib#4184: a provider behind the API refused",
    },
    Row {
        operations: ALL,
        status: Status::Between(500, 599),
        code: None,
        words: Words::Any,
        meaning: Meaning::Unclear,
        source: "Microsoft Graph error responses",
    },
];

/// What the table knows of an answer.
pub(super) fn meaning(operation: Operation, status: u16, error: &ErrorBody) -> Found {
    match ROWS.iter().find(|row| row.fits(operation, status, error)) {
        Some(row) => Found::Means(row.meaning),
        None if status == 403 => Found::Undocumented403,
        None => Found::Nothing,
    }
}

impl Row {
    fn fits(&self, operation: Operation, status: u16, error: &ErrorBody) -> bool {
        let is_status = match self.status {
            Status::Is(one) => status == one,
            Status::Between(first, last) => (first..=last).contains(&status),
        };
        let says = match self.words {
            Words::Any => true,
            Words::None => error.says_nothing(),
            Words::Has(words) => error.says(words),
        };
        let is_about = self.operations.is_empty() || self.operations.contains(&operation);
        is_about && is_status && says && self.code.is_none_or(|code| error.has_code(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_its_source() {
        assert!(ROWS.iter().all(|row| row.source.len() > 10));
    }
}
