//! Every row of the licence rules, typed from Microsoft's pages.

mod states;

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

use crate::api::{Reason, TriState};
use crate::plan::eligibility::{Eligibility, brings_endpoint, eligibility};
use crate::plan::microsoft::{Access, DirectorySubscription, Listed, Microsoft, SkuPlan, SubscribedSku};
use crate::plan::reading::{Reading, Source, Why};
use crate::tenant::CapabilityStatus::{self, Deleted, Enabled, LockedOut, Suspended, Warning};
use crate::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};
use crate::tenant::ProvisioningStatus::{
    self, Disabled, PendingActivation, PendingInput, PendingProvisioning, Success,
};
use crate::tenant::Service;

const MET: (TriState, Reason) = (TriState::True, Reason::Met);
const IN_GRACE: (TriState, Reason) = (TriState::True, Reason::LicenceInGrace);
const SUSPENDED: (TriState, Reason) = (TriState::False, Reason::LicenceInGrace);
const NOT_ELIGIBLE: (TriState, Reason) = (TriState::False, Reason::NotEligible);
const AMBIGUOUS: (TriState, Reason) = (TriState::Unknown, Reason::Ambiguous);
const READ_FAILED: (TriState, Reason) = (TriState::Unknown, Reason::ReadFailed);

fn id(plan: &str) -> &'static str {
    match plan {
        "MTP" => "bf28f719-7844-4079-9c78-c1307898e192",
        "E" => "871d91ec-ec1a-452b-a83f-bd76c7d770ef",
        "I" => "14ab5db5-e6c4-4b20-b4bc-13e36fd2227f",
        "C" => "2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2",
        "C_DOD" => "6ebdddb7-8e55-4af2-952b-69e77262f96c",
        "O2" => "8e0c0a52-6a6c-4d40-8370-dd62790dcd70",
        "O2_GOV" => "900018f1-0cdb-4ecb-94d4-90281760fdc6",
        "O1" => "f20fedf3-f3c3-43c3-8267-2bfdd51c0939",
        "O1_GOV" => "493ff600-6a2b-4db6-ad37-a7d4eb214516",
        "MDE_LITE" => "292cc034-7b7c-4950-aaf5-943befd3f1d4",
        "MDE_SMB" => "bfc1bbd9-981b-4f71-9b82-17c35fd0e2a4",
        "ADALLOM_S_DISCOVERY" => "932ad362-64a8-4783-9106-97849a1a30b9",
        "ADALLOM_S_O365" => "8c098270-9dd4-4350-9b30-ba4703f3b36b",
        "ADALLOM_FOR_AATP" => "61d18b02-6889-479f-8f36-56e6e0fe5792",
        "SAFEDOCS" => "bf6f5520-59e3-4f82-974b-7dbbc4fd27c7",
        "Intune_Defender" => "1689aade-3d6a-4bfc-b017-46d2672df5ad",
        other => panic!("{other}"),
    }
}

fn sku_with(name: &str, plans: &[(&str, ProvisioningStatus)], capability: CapabilityStatus) -> SubscribedSku {
    let plan = |(plan, provisioning): &(&str, _)| SkuPlan { id: id(plan).to_owned(), provisioning: *provisioning };
    SubscribedSku {
        id: format!("id of {name}").to_lowercase(),
        part_number: name.to_owned(),
        capability,
        plans: plans.iter().map(plan).collect(),
    }
}

/// A SKU in force with these plans, all provisioned.
fn sku(name: &str, plans: &str) -> SubscribedSku {
    let plans: Vec<_> = plans.split_whitespace().map(|plan| (plan, Success)).collect();
    sku_with(name, &plans, Enabled)
}

fn subscription(sku: &SubscribedSku, status: CapabilityStatus, is_trial: bool) -> DirectorySubscription {
    DirectorySubscription { sku_id: sku.id.to_uppercase(), is_trial, status, next_lifecycle: None }
}

fn all<T>(items: Vec<T>) -> Reading<Listed<T>> {
    Reading::Known { value: Listed { items, is_complete: true }, source: Source::Observed }
}

fn part<T>(items: Vec<T>) -> Reading<Listed<T>> {
    Reading::Known { value: Listed { items, is_complete: false }, source: Source::Observed }
}

/// A tenant with these SKUs, each paid for.
fn tenant(skus: Vec<SubscribedSku>) -> Microsoft {
    let paid = skus.iter().map(|sku| subscription(sku, sku.capability, false)).collect();
    Microsoft { skus: all(skus), subscriptions: all(paid), ..Microsoft::unknown(Access::Granted, Why::ReadFailed) }
}

/// The verdict, and what must hold of every verdict.
fn judge(microsoft: &Microsoft, experience: Experience) -> (TriState, Reason) {
    told(microsoft, experience).0
}

fn told(microsoft: &Microsoft, experience: Experience) -> ((TriState, Reason), String) {
    let Eligibility { verdict, why, plans, licensed } = eligibility(microsoft, experience);
    assert_eq!(why.is_some(), verdict.status == TriState::Unknown, "{verdict:?}");
    assert!(!verdict.message.is_empty() && verdict.message.chars().count() <= 1_000, "{verdict:?}");
    assert!(plans.is_sorted() && plans.len() <= 32);
    assert_eq!(licensed.len(), 4);
    ((verdict.status, verdict.reason), verdict.message)
}

fn is_met(microsoft: &Microsoft, experience: Experience) -> &'static str {
    match judge(microsoft, experience) {
        MET => "yes",
        NOT_ELIGIBLE => "no",
        other => panic!("{other:?}"),
    }
}

/// Product, part number, plans, and whether it qualifies by itself: March 2020, June 2020, June 2020 as a trial, today.
const SKU_ROWS: &str = "\
Microsoft 365 E5 | SPE_E5 | MTP E I C O1 O2 | yes yes yes yes
M365 E5 without Audio Conf. | SPE_E5_NOPSTNCONF | MTP E I C O1 O2 | yes yes yes yes
M365 E5 w/o Audio, 500 seats HUB | Microsoft_365_E5_without_Audio_Conferencing | MTP E I C O1 O2 | yes yes yes yes
M365 E5 (500 seats) HUB | Microsoft_365_E5 | MTP E I C O1 O2 | yes yes yes yes
M365 E5 EEA (no Teams) | O365_w/o_Teams_Bundle_M5 | MTP E I C O1 O2 | yes yes yes yes
M365 E5 EEA no Teams, w/o Audio, 500 HUB | Microsoft_365_E5_EEA_(no_Teams)_without_Audio_Conferencing_(500_seats_min)_HUB | MTP E I C O1 O2 | yes yes yes yes
M365 E5 (no Teams) | Microsoft_365_E5_(no_Teams) | MTP E I C O1 O2 | yes yes yes yes
M365 E7 | MICROSOFT_365_E7 | MTP E I C O1 O2 | yes yes yes yes
M365 E5 with Calling Minutes | SPE_E5_CALLINGMINUTES | E I C O1 O2 | yes yes yes yes
M365 E5 GCC High | SPE_E5_USGOV_GCCHIGH | E I C O1 O2 | yes yes yes yes
M365 E5 Developer | DEVELOPERPACK_E5 | MTP I C O1 O2 | no yes yes yes
M365 E5 Security → Microsoft Defender Suite | IDENTITY_THREAT_PROTECTION | MTP E I C O1 O2 | yes yes yes yes
M365 E5 Security for EMS E5 | IDENTITY_THREAT_PROTECTION_FOR_EMS_E5 | MTP E O1 O2 | no yes yes yes
M365 A5 faculty | M365EDU_A5_FACULTY | MTP E I C O1 O2 | yes yes yes yes
M365 A5 students | M365EDU_A5_STUDENT | MTP E I C O1 O2 | yes yes yes yes
M365 A5 students use benefit | M365EDU_A5_STUUSEBNFT | MTP I C O1 O2 | no yes yes yes
M365 A5 use benefit w/o Audio | M365EDU_A5_NOPSTNCONF_STUUSEBNFT | MTP I C O1 O2 | no yes yes yes
Office 365 E5 | ENTERPRISEPREMIUM | MTP O1 O2 | no yes no yes
Office 365 E5 w/o Audio | ENTERPRISEPREMIUM_NOPSTNCONF | MTP O1 O2 | no yes no yes
Office 365 E5 EEA (no Teams) | Office_365_w/o_Teams_Bundle_E5 | MTP O1 O2 | no yes no yes
EMS E5 | EMSPREMIUM | I C | no yes yes yes
Windows 10/11 Enterprise E5 | WIN10_VDA_E5 | E | no yes yes yes
Windows 10/11 Ent. E5 (Original) | WIN_ENT_E5 | E | no yes yes yes
Windows Ent. E5 Commercial (GCC compat.) | WINE5_GCC_COMPAT | E | no yes yes yes
Windows 10/11 Ent. A5 faculty | WIN10_ENT_A5_FAC | E | no yes yes yes
Defender for Endpoint (standalone) | WIN_DEF_ATP | E | no yes yes yes
Defender for Endpoint P2_XPLAT | MDATP_XPLAT | E | no yes yes yes
Defender for Endpoint Server | MDATP_Server | E | no yes yes yes
Defender for Endpoint P1 | DEFENDER_ENDPOINT_P1 | MDE_LITE | no no no yes
Defender for Identity (standalone) | ATA | I ADALLOM_FOR_AATP | no yes yes yes
Cloud App Security (standalone) | ADALLOM_STANDALONE | C | no yes yes yes
Defender for Office 365 Plan 2 | THREAT_INTELLIGENCE | MTP O1 O2 | no yes no yes
Defender for Office 365 Plan 1 | ATP_ENTERPRISE | O1 | no no no no
M365 Security and Compliance for FLW | M365_SECURITY_COMPLIANCE_FOR_FLW | MTP E I C O1 O2 | yes yes yes yes
M365 Business Premium | SPB | MDE_SMB O1 ADALLOM_S_DISCOVERY | no no no yes
Defender for Business | MDE_SMB | MDE_SMB | no no no yes
Office 365 A5 faculty | ENTERPRISEPREMIUM_FACULTY | MTP O1 O2 | no yes no yes
Office 365 A5 students | ENTERPRISEPREMIUM_STUDENT | MTP O1 O2 | no yes no yes
F5 Security add-on | SPE_F5_SEC | MTP E I C O1 O2 | yes yes yes yes
F5 Sec+Comp add-on | SPE_F5_SECCOMP | MTP E I C O1 O2 | yes yes yes yes
M365 GCC G5 | M365_G5_GCC | MTP E I C | no yes yes yes
G5 w/o WDATP+CAS | M365_G5_GOV | MTP | no yes no yes
M365 E3 | SPE_E3 | O1 ADALLOM_S_DISCOVERY | no no no yes
Office 365 E3 | ENTERPRISEPACK | O1 | no no no no
M365 E5 Compliance | INFORMATION_PROTECTION_COMPLIANCE | C | no yes yes yes";

#[test]
fn every_sku_qualifies_as_its_row_and_the_rules_say() {
    for row in SKU_ROWS.lines() {
        let [_, part_number, plans, expected] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let bought = tenant(vec![sku(part_number, plans)]);
        let trial = vec![subscription(&sku(part_number, plans), Enabled, true)];
        let trial = Microsoft { subscriptions: all(trial), ..bought.clone() };
        let found = [
            is_met(&bought, WelcomePage),
            is_met(&bought, SettingsPage),
            is_met(&trial, SettingsPage),
            is_met(&bought, DefenderPortal),
        ];
        assert_eq!(found.join(" "), expected, "{row}");
        assert_eq!(is_met(&trial, WelcomePage), found[0], "no trial rule in March: {row}");
        assert_eq!(is_met(&trial, DefenderPortal), found[3], "the trial exclusion is gone from the list: {row}");
    }
    assert_eq!(SKU_ROWS.lines().count(), 45);
}

/// The plans of the products that the pages name.
fn products(names: &str) -> Vec<SubscribedSku> {
    let product = |name: &str| {
        let plans = match name.trim() {
            "M365 E5" | "M365 A5" | "M365 E5 Security" | "M365 A5 Security" | "Microsoft Defender Suite" => {
                "MTP E I C O1 O2"
            }
            "Office 365 E5" | "Office 365 A5" | "Defender for Office 365 Plan 2" => "MTP O1 O2",
            "EMS E5" | "EMS A5" => "I C",
            "Windows E5" | "Windows A5" | "Defender for Endpoint" => "E",
            "Defender for Identity" => "I ADALLOM_FOR_AATP",
            "MCAS" => "C",
            "Cloud App Discovery" => "ADALLOM_S_DISCOVERY",
            "M365 Business Premium" => "MDE_SMB O1 ADALLOM_S_DISCOVERY",
            "Defender for Business" => "MDE_SMB",
            "M365 E3" => "O1 ADALLOM_S_DISCOVERY",
            "M365 A3" | "Office 365 ATP Plan 1" => "O1",
            other => panic!("{other}"),
        };
        sku(name.trim(), plans)
    };
    names.split('+').map(product).collect()
}

#[rstest]
#[case::one_of_m365_e5("M365 E5", "yes")]
#[case::one_of_a5("M365 A5", "yes")]
#[case::one_of_e5_security("M365 E5 Security", "yes")]
#[case::one_of_a5_security("M365 A5 Security", "yes")]
#[case::or_all_of_office_e5_and_ems_e5_and_windows_e5("Office 365 E5 + EMS E5 + Windows E5", "yes")]
#[case::or_all_of_office_a5_and_ems_a5_and_windows_a5("Office 365 A5 + EMS A5 + Windows A5", "yes")]
#[case::mixed_e5_and_a5("Office 365 E5 + EMS A5 + Windows E5", "yes")]
#[case::office_and_ems_only("Office 365 E5 + EMS E5", "no")]
#[case::office_and_windows_only("Office 365 E5 + Windows E5", "no")]
#[case::ems_and_windows_only("EMS E5 + Windows E5", "no")]
#[case::plan_1_is_not_plan_2("Office 365 ATP Plan 1 + EMS E5 + Windows E5", "no")]
#[case::m365_e3_and_identity_and_threat_protection("M365 E3 + M365 E5 Security", "yes")]
#[case::the_four_stand_alone(
    "Defender for Endpoint + Defender for Identity + MCAS + Defender for Office 365 Plan 2",
    "yes"
)]
#[case::smaller_editions_are_not_the_four("Defender for Business + Defender for Identity + MCAS + Office 365 E5", "no")]
#[case::discovery_is_not_mcas("Defender for Endpoint + Defender for Identity + M365 E3 + Office 365 E5", "no")]
fn early_2020(#[case] bought: &str, #[case] expected: &str) {
    assert_eq!(is_met(&tenant(products(bought)), WelcomePage), expected);
}

#[rstest]
#[case::m365_e5_a5("M365 E5", "yes")]
#[case::m365_a5("M365 A5", "yes")]
#[case::m365_e5_security("M365 E5 Security", "yes")]
#[case::a5_security("M365 A5 Security", "yes")]
#[case::windows_10_enterprise_e5("Windows E5", "yes")]
#[case::windows_10_enterprise_a5("Windows A5", "yes")]
#[case::ems_e5("EMS E5", "yes")]
#[case::ems_a5("EMS A5", "yes")]
#[case::office_365_e5("Office 365 E5", "yes")]
#[case::office_365_a5("Office 365 A5", "yes")]
#[case::defender_for_endpoint("Defender for Endpoint", "yes")]
#[case::defender_for_identity("Defender for Identity", "yes")]
#[case::mcas("MCAS", "yes")]
#[case::defender_for_office_365_plan_2("Defender for Office 365 Plan 2", "yes")]
#[case::office_365_atp_plan_1("Office 365 ATP Plan 1", "no")]
#[case::discovery_is_named_only_today("Cloud App Discovery", "no")]
#[case::business_premium_is_named_only_today("M365 Business Premium", "no")]
#[case::defender_for_business_is_named_only_today("Defender for Business", "no")]
fn any_one_of_nine_of_12_may_2020_and_later(#[case] bought: &str, #[case] expected: &str) {
    assert_eq!(is_met(&tenant(products(bought)), SettingsPage), expected);
}

#[rstest]
#[case::m365_e5("M365 E5", "yes")]
#[case::m365_a5("M365 A5", "yes")]
#[case::m365_e3_and_microsoft_defender_suite("M365 E3 + Microsoft Defender Suite", "yes")]
#[case::m365_e3_and_ems_e5("M365 E3 + EMS E5", "yes")]
#[case::m365_a3_and_a5_security("M365 A3 + M365 A5 Security", "yes")]
#[case::windows_10_or_11_enterprise_e5("Windows E5", "yes")]
#[case::windows_10_or_11_enterprise_a5("Windows A5", "yes")]
#[case::ems_e5("EMS E5", "yes")]
#[case::ems_a5("EMS A5", "yes")]
#[case::office_365_e5("Office 365 E5", "yes")]
#[case::office_365_a5("Office 365 A5", "yes")]
#[case::defender_for_endpoint("Defender for Endpoint", "yes")]
#[case::defender_for_identity("Defender for Identity", "yes")]
#[case::defender_for_cloud_apps("MCAS", "yes")]
#[case::or_cloud_app_discovery("Cloud App Discovery", "yes")]
#[case::defender_for_office_365_plan_2("Defender for Office 365 Plan 2", "yes")]
#[case::m365_business_premium("M365 Business Premium", "yes")]
#[case::defender_for_business("Defender for Business", "yes")]
#[case::plan_1_of_office_is_not_named("Office 365 ATP Plan 1", "no")]
#[case::m365_a3_alone("M365 A3", "no")]
fn licences_today(#[case] bought: &str, #[case] expected: &str) {
    assert_eq!(is_met(&tenant(products(bought)), DefenderPortal), expected);
}

/// Plan, whether it qualifies alone in June 2020 and today, and which service it licenses today.
#[rstest]
#[case::mtp_itself("MTP", "yes", "yes", None)]
#[case::defender_atp_plan_2("E", "yes", "yes", Some(Service::Endpoint))]
#[case::azure_atp("I", "yes", "yes", Some(Service::Identity))]
#[case::mcas("C", "yes", "yes", Some(Service::CloudApps))]
#[case::o365_atp_plan_2_qualifies("O2", "yes", "yes", Some(Service::Office365))]
#[case::o365_atp_plan_1_does_not_qualify("O1", "no", "no", None)]
#[case::mde_lite_not_in_the_2020_list("MDE_LITE", "no", "yes", Some(Service::Endpoint))]
#[case::mde_smb_qualifies_today_only("MDE_SMB", "no", "yes", Some(Service::Endpoint))]
#[case::discovery_qualifies_today_only("ADALLOM_S_DISCOVERY", "no", "yes", Some(Service::CloudApps))]
#[case::office_365_cas_a_subset_not_mcas("ADALLOM_S_O365", "no", "no", None)]
#[case::mcas_view_for_azure_atp_only_tenants("ADALLOM_FOR_AATP", "no", "no", None)]
#[case::safedocs_no_service_of_its_own("SAFEDOCS", "no", "no", None)]
#[case::intune_defender_no_service_of_its_own("Intune_Defender", "no", "no", None)]
#[case::threat_intelligence_gov("O2_GOV", "yes", "yes", Some(Service::Office365))]
#[case::atp_enterprise_gov("O1_GOV", "no", "no", None)]
#[case::adallom_s_standalone_dod("C_DOD", "yes", "yes", Some(Service::CloudApps))]
fn each_plan_alone(#[case] plan: &str, #[case] june: &str, #[case] today: &str, #[case] service: Option<Service>) {
    let microsoft = tenant(vec![sku("X", plan)]);
    assert_eq!(is_met(&microsoft, WelcomePage), "no");
    assert_eq!((is_met(&microsoft, SettingsPage), is_met(&microsoft, DefenderPortal)), (june, today));
    let Eligibility { plans, licensed, .. } = eligibility(&microsoft, DefenderPortal);
    assert_eq!(plans, if today == "yes" { vec![id(plan)] } else { vec![] });
    let expected: BTreeMap<_, _> = Service::ALL
        .iter()
        .map(|each| (*each, if Some(*each) == service { TriState::True } else { TriState::False }))
        .collect();
    assert_eq!(licensed, expected);
    let is_endpoint = service == Some(Service::Endpoint);
    assert_eq!(brings_endpoint(&microsoft), Reading::Known { value: is_endpoint, source: Source::Observed });
}
