//! Every row of Microsoft's tables, typed from them, against the data.

use super::*;
use crate::tenant::Service::{CloudApps, Endpoint, Identity, Office365};

/// Plan, id, friendly name, what it brings.
const PLAN_ROWS: &[(&str, &str, &str, Brings)] = &[
    ("MTP", "bf28f719-7844-4079-9c78-c1307898e192", "Microsoft 365 Defender", Brings::Unified),
    ("WINDEFATP", "871d91ec-ec1a-452b-a83f-bd76c7d770ef", "Microsoft Defender for Endpoint", Brings::Service(Endpoint)),
    ("ATA", "14ab5db5-e6c4-4b20-b4bc-13e36fd2227f", "Microsoft Defender for Identity", Brings::Service(Identity)),
    (
        "ADALLOM_S_STANDALONE",
        "2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2",
        "Microsoft Defender for Cloud Apps",
        Brings::Service(CloudApps),
    ),
    (
        "ADALLOM_S_STANDALONE_DOD",
        "6ebdddb7-8e55-4af2-952b-69e77262f96c",
        "Microsoft Defender for Cloud Apps (government)",
        Brings::Service(CloudApps),
    ),
    (
        "THREAT_INTELLIGENCE",
        "8e0c0a52-6a6c-4d40-8370-dd62790dcd70",
        "Defender for Office 365 (Plan 2)",
        Brings::Service(Office365),
    ),
    (
        "THREAT_INTELLIGENCE_GOV",
        "900018f1-0cdb-4ecb-94d4-90281760fdc6",
        "Defender for Office 365 (Plan 2) (government)",
        Brings::Service(Office365),
    ),
    ("ATP_ENTERPRISE", "f20fedf3-f3c3-43c3-8267-2bfdd51c0939", "Defender for Office 365 (Plan 1)", Brings::Nothing),
    (
        "ATP_ENTERPRISE_GOV",
        "493ff600-6a2b-4db6-ad37-a7d4eb214516",
        "Defender for Office 365 (Plan 1) (government)",
        Brings::Nothing,
    ),
    ("MDE_LITE", "292cc034-7b7c-4950-aaf5-943befd3f1d4", "Defender for Endpoint Plan 1", Brings::Lesser(Endpoint)),
    ("MDE_SMB", "bfc1bbd9-981b-4f71-9b82-17c35fd0e2a4", "Defender for Business", Brings::Lesser(Endpoint)),
    ("ADALLOM_S_DISCOVERY", "932ad362-64a8-4783-9106-97849a1a30b9", "Cloud Apps Discovery", Brings::Lesser(CloudApps)),
    ("ADALLOM_S_O365", "8c098270-9dd4-4350-9b30-ba4703f3b36b", "Office 365 Cloud App Security", Brings::Nothing),
    ("ADALLOM_FOR_AATP", "61d18b02-6889-479f-8f36-56e6e0fe5792", "SecOps Investigation for MDI", Brings::Nothing),
    ("SAFEDOCS", "bf6f5520-59e3-4f82-974b-7dbbc4fd27c7", "Office 365 SafeDocs", Brings::Nothing),
    ("Intune_Defender", "1689aade-3d6a-4bfc-b017-46d2672df5ad", "Endpoint security management", Brings::Nothing),
];

/// Product, part number, id, whether it has the plan MTP, and its other plans: E Endpoint, I Identity, C Cloud Apps,
/// O1 and O2 the plans of Office 365.
const SKU_ROWS: &str = "\
Microsoft 365 E5 | SPE_E5 | 06ebc4ee-1bb5-47dd-8120-11324bc54e06 | yes | E I C O1 O2
Microsoft 365 E5 without Audio Conferencing | SPE_E5_NOPSTNCONF | cd2925a3-5076-4233-8931-638a8c94f773 | yes | E I C O1 O2
Microsoft 365 E5 without Audio Conferencing (500 seats) HUB | Microsoft_365_E5_without_Audio_Conferencing | 2113661c-6509-4034-98bb-9c47bd28d63c | yes | E I C O1 O2
Microsoft 365 E5 (500 seats) HUB | Microsoft_365_E5 | db684ac5-c0e7-4f92-8284-ef9ebde75d33 | yes | E I C O1 O2
Microsoft 365 E5 EEA (no Teams) | O365_w/o_Teams_Bundle_M5 | 3271cf8e-2be5-4a09-a549-70fd05baaa17 | yes | E I C O1 O2
Microsoft 365 E5 EEA (no Teams) without Audio Conferencing (500 seats) HUB | Microsoft_365_E5_EEA_(no_Teams)_without_Audio_Conferencing_(500_seats_min)_HUB | a640eead-25f6-4bec-97e3-23cfd382d7c2 | yes | E I C O1 O2
Microsoft 365 E5 (no Teams) | Microsoft_365_E5_(no_Teams) | 18a4bd3f-0b5b-4887-b04f-61dd0ee15f5e | yes | E I C O1 O2
Microsoft 365 E7 | MICROSOFT_365_E7 | 9a18296a-025f-4e37-9ffa-30bf8d1ce775 | yes | E I C O1 O2
Microsoft 365 E5 with Calling Minutes | SPE_E5_CALLINGMINUTES | a91fc4e0-65e5-4266-aa76-4037509c1626 | no | E I C O1 O2
Microsoft 365 E5 GCC High | SPE_E5_USGOV_GCCHIGH | 4eb45c5b-0d19-4e33-b87c-adfc25268f20 | no | E I C O1 O2
Microsoft 365 E5 Developer | DEVELOPERPACK_E5 | c42b9cae-ea4f-4ab7-9717-81576235ccac | yes | I C O1 O2
Microsoft 365 E5 Security (Microsoft Defender Suite) | IDENTITY_THREAT_PROTECTION | 26124093-3d78-432b-b5dc-48bf992543d5 | yes | E I C O1 O2
Microsoft 365 E5 Security for EMS E5 | IDENTITY_THREAT_PROTECTION_FOR_EMS_E5 | 44ac31e7-2999-4304-ad94-c948886741d4 | yes | E O1 O2
Microsoft 365 A5 for faculty | M365EDU_A5_FACULTY | e97c048c-37a4-45fb-ab50-922fbf07a370 | yes | E I C O1 O2
Microsoft 365 A5 for students | M365EDU_A5_STUDENT | 46c119d4-0379-4a9d-85e4-97c66d3f909e | yes | E I C O1 O2
Microsoft 365 A5 for students use benefit | M365EDU_A5_STUUSEBNFT | 31d57bc7-3a05-4867-ab53-97a17835a411 | yes | I C O1 O2
Microsoft 365 A5 use benefit without Audio Conferencing | M365EDU_A5_NOPSTNCONF_STUUSEBNFT | 81441ae1-0b31-4185-a6c0-32b6b84d419f | yes | I C O1 O2
Office 365 E5 | ENTERPRISEPREMIUM | c7df2760-2c81-4ef7-b578-5b5392b571df | yes | O1 O2
Office 365 E5 without Audio Conferencing | ENTERPRISEPREMIUM_NOPSTNCONF | 26d45bd9-adf1-46cd-a9e1-51e9a5524128 | yes | O1 O2
Office 365 E5 EEA (no Teams) | Office_365_w/o_Teams_Bundle_E5 | cf50bae9-29e8-4775-b07c-56ee10e3776d | yes | O1 O2
Enterprise Mobility + Security E5 | EMSPREMIUM | b05e124f-c7cc-45a0-a6aa-8cf78c946968 | no | I C
Windows 10/11 Enterprise E5 | WIN10_VDA_E5 | 488ba24a-39a9-4473-8ee5-19291e71b002 | no | E
Windows 10/11 Enterprise E5 (Original) | WIN_ENT_E5 | 1e7e1070-8ccb-4aca-b470-d7cb538cb07e | no | E
Windows Enterprise E5 Commercial (GCC compatible) | WINE5_GCC_COMPAT | 938fd547-d794-42a4-996c-1cc206619580 | no | E
Windows 10/11 Enterprise A5 for faculty | WIN10_ENT_A5_FAC | 7b1a89a9-5eb9-4cf8-9467-20c943f1122c | no | E
Microsoft Defender for Endpoint | WIN_DEF_ATP | 111046dd-295b-4d6d-9724-d52ac90bd1f2 | no | E
Microsoft Defender for Endpoint P2_XPLAT | MDATP_XPLAT | b126b073-72db-4a9d-87a4-b17afe41d4ab | no | E
Microsoft Defender for Endpoint Server | MDATP_Server | 509e8ab6-0274-4cda-bcbd-bd164fd562c4 | no | E
Microsoft Defender for Endpoint P1 | DEFENDER_ENDPOINT_P1 | 16a55f2f-ff35-4cd5-9146-fb784e3761a5 | no | MDE_LITE
Microsoft Defender for Identity | ATA | 98defdf7-f6c1-44f5-a1f6-943b6764e7a5 | no | I ADALLOM_FOR_AATP
Microsoft Defender for Cloud Apps | ADALLOM_STANDALONE | df845ce7-05f9-4894-b5f2-11bbfbcfd2b6 | no | C
Microsoft Defender for Office 365 (Plan 2) | THREAT_INTELLIGENCE | 3dd6cf57-d688-4eed-ba52-9e40b5468c3e | yes | O1 O2
Microsoft Defender for Office 365 (Plan 1) | ATP_ENTERPRISE | 4ef96642-f096-40de-a3e9-d83fb2f90211 | no | O1
Microsoft 365 Security and Compliance for Firstline Workers | M365_SECURITY_COMPLIANCE_FOR_FLW | 2347355b-4e81-41a4-9c22-55057a399791 | yes | E I C O1 O2
Microsoft 365 Business Premium | SPB | cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46 | no | MDE_SMB O1 ADALLOM_S_DISCOVERY
Microsoft Defender for Business | MDE_SMB | 5e1e7702-a2b7-4360-8d07-2f515792896f | no | MDE_SMB
Office 365 A5 for faculty | ENTERPRISEPREMIUM_FACULTY | a4585165-0533-458a-97e3-c400570268c4 | yes | O1 O2
Office 365 A5 for students | ENTERPRISEPREMIUM_STUDENT | ee656612-49fa-43e5-b67e-cb1fdf7699df | yes | O1 O2
Microsoft 365 F5 Security Add-on | SPE_F5_SEC | 67ffe999-d9ca-49e1-9d2c-03fb28aa7a48 | yes | E I C O1 O2
Microsoft 365 F5 Security + Compliance Add-on | SPE_F5_SECCOMP | 32b47245-eb31-44fc-b945-a8b1576c439f | yes | E I C O1 O2
Microsoft 365 GCC G5 | M365_G5_GCC | e2be619b-b125-455f-8660-fb503e431a5d | yes | E I C
Microsoft 365 GCC G5 without WDATP and CAS | M365_G5_GOV | b0f809d5-a662-4391-a5aa-136e9c565b9d | yes |
Microsoft 365 E3 | SPE_E3 | 05e9a617-0261-4cee-bb44-138d3ef5d965 | no | O1 ADALLOM_S_DISCOVERY
Office 365 E3 | ENTERPRISEPACK | 6fd2c87f-b296-42f0-b197-1e91e994b900 | no | O1
Microsoft 365 E5 Compliance | INFORMATION_PROTECTION_COMPLIANCE | 184efa21-98c3-4e5d-95ab-d07053a96e67 | no | C";

fn plan_name(abbreviation: &str) -> &str {
    match abbreviation {
        "E" => "WINDEFATP",
        "I" => "ATA",
        "C" => "ADALLOM_S_STANDALONE",
        "O1" => "ATP_ENTERPRISE",
        "O2" => "THREAT_INTELLIGENCE",
        name => name,
    }
}

fn names(sku: &Sku) -> Vec<&'static str> {
    let mut names: Vec<_> = sku.plans.iter().map(|plan| plan.name).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_row_of_the_plans_is_there_and_no_other() {
    for (name, id, friendly_name, brings) in PLAN_ROWS {
        let found = plan(id).unwrap_or_else(|| panic!("{name} {id} is missing"));
        assert_eq!((found.name, found.friendly_name, found.brings), (*name, *friendly_name, *brings), "{id}");
    }
    assert_eq!((PLANS.len(), PLAN_ROWS.len()), (16, 16));
}

#[test]
fn every_row_of_the_skus_is_there_and_no_other() {
    for row in SKU_ROWS.lines() {
        let [product, part_number, id, unified, services] = row.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{row}")
        };
        let found = sku(id).unwrap_or_else(|| panic!("{row} is missing"));
        assert_eq!((found.product, found.part_number, found.id), (product, part_number, id), "{row}");
        let mut plans: Vec<_> = services.split_whitespace().map(plan_name).collect();
        plans.extend((unified == "yes").then_some("MTP"));
        plans.sort_unstable();
        assert_eq!(names(found), plans, "{row}");
    }
    assert_eq!((SKUS.len(), SKU_ROWS.lines().count()), (45, 45));
}

#[test]
fn the_plans_of_a_part_number_can_be_listed() {
    let listed: Vec<_> = skus_by_part_number("spe_e5").flat_map(names).collect();
    assert_eq!(
        listed,
        ["ADALLOM_S_STANDALONE", "ATA", "ATP_ENTERPRISE", "MTP", "THREAT_INTELLIGENCE", "WINDEFATP"],
        "SPE_E5: yes, E I C O1 O2"
    );
    for row in SKU_ROWS.lines() {
        let part_number = row.split('|').nth(1).unwrap().trim();
        assert_eq!(skus_by_part_number(part_number).count(), 1, "{part_number}");
    }
}

#[test]
fn what_is_not_in_a_b_c_is_not_invented() {
    for part_number in [
        "IDENTITY_THREAT_PROTECTION_FACULTY",
        "IDENTITY_THREAT_PROTECTION_STUDENT",
        "IDENTITY_THREAT_PROTECTION_STUUSEBNFT",
        "EMSPREMIUM_EDU_FACULTY",
        "EMSPREMIUM_EDU_STUDENT",
    ] {
        assert_eq!(skus_by_part_number(part_number).next(), None, "{part_number}: not in a, b, c");
    }
}

#[test]
fn ids_are_lower_case_and_each_is_there_once() {
    let mut ids: Vec<_> = PLANS.iter().map(|plan| plan.id).chain(SKUS.iter().map(|sku| sku.id)).collect();
    for id in &ids {
        assert_eq!(*id, id.to_lowercase());
        assert_eq!(uuid::Uuid::try_parse(id).map(|id| id.hyphenated().to_string()), Ok((*id).to_owned()));
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn ids_are_found_without_regard_to_case() {
    assert_eq!(plan("BF28F719-7844-4079-9C78-C1307898E192").map(|plan| plan.name), Some("MTP"));
    assert_eq!(sku("06EBC4EE-1BB5-47DD-8120-11324BC54E06").map(|sku| sku.part_number), Some("SPE_E5"));
    assert_eq!((plan("MTP"), sku("SPE_E5"), plan("")), (None, None, None), "a name is not an id");
}

#[test]
fn name_clash_both_a_sku_part_number_and_a_plan_name_with_different_guids() {
    for name in ["ATA", "THREAT_INTELLIGENCE", "ATP_ENTERPRISE", "MDE_SMB"] {
        let of_sku = skus_by_part_number(name).next().unwrap().id;
        let of_plan = PLANS.iter().find(|plan| plan.name == name).unwrap().id;
        assert_ne!(of_sku, of_plan, "{name}");
        assert_eq!((plan(of_sku), sku(of_plan)), (None, None), "{name}");
    }
}

#[test]
fn eight_e_zero_c_is_office_plan_2_and_not_endpoint_p1_nor_atp_enterprise() {
    let plan = plan("8e0c0a52-6a6c-4d40-8370-dd62790dcd70").unwrap();
    assert_eq!((plan.name, plan.brings), ("THREAT_INTELLIGENCE", Brings::Service(Office365)));
}

#[test]
fn offers_name_what_is_sold_at_the_time() {
    let told = |experience| -> Vec<_> {
        offers(experience).iter().map(|offer| (offer.name, offer.part_number, offer.services)).collect()
    };
    assert_eq!(
        told(Experience::WelcomePage),
        [
            ("Windows 10 Enterprise E5", "WIN10_VDA_E5", &[Endpoint][..]),
            ("Office 365 E5", "ENTERPRISEPREMIUM", &[Office365]),
            ("Enterprise Mobility + Security E5", "EMSPREMIUM", &[Identity, CloudApps]),
        ],
        "ALL of: Office 365 E5/A5 and EMS E5/A5 and Windows E5/A5"
    );
    assert_eq!(
        told(Experience::SettingsPage),
        [
            ("Microsoft Defender ATP", "WIN_DEF_ATP", &[Endpoint][..]),
            ("Azure ATP", "ATA", &[Identity]),
            ("Microsoft Cloud App Security", "ADALLOM_STANDALONE", &[CloudApps]),
            ("Office 365 ATP Plan 2", "THREAT_INTELLIGENCE", &[Office365]),
        ],
        "Defender ATP, Azure ATP, MCAS, or Office 365 ATP Plan 2 each suffice"
    );
    assert_eq!(
        told(Experience::DefenderPortal),
        [
            ("Microsoft Defender for Business", "MDE_SMB", &[Endpoint][..]),
            ("Microsoft Defender for Endpoint", "WIN_DEF_ATP", &[Endpoint]),
            ("Microsoft Defender for Identity", "ATA", &[Identity]),
            ("Microsoft Defender for Cloud Apps", "ADALLOM_STANDALONE", &[CloudApps]),
            ("Microsoft Defender for Office 365 Plan 2", "THREAT_INTELLIGENCE", &[Office365]),
        ]
    );
    for (experience, name) in [
        (Experience::WelcomePage, "Microsoft 365 E5 Security"),
        (Experience::SettingsPage, "Microsoft 365 E5 Security"),
        (Experience::DefenderPortal, "Microsoft Defender Suite"),
    ] {
        let all = bundle(experience);
        assert_eq!((all.name, all.part_number), (name, "IDENTITY_THREAT_PROTECTION"), "{experience}");
        assert_eq!(all.services, [Endpoint, Office365, Identity, CloudApps], "{experience}");
    }
}

#[test]
fn an_offer_brings_what_it_promises() {
    for experience in Experience::ALL {
        for offer in offers(*experience).iter().chain([&bundle(*experience)]) {
            let sku = skus_by_part_number(offer.part_number).next().unwrap();
            for service in offer.services {
                let brings = |plan: &ServicePlan| {
                    plan.brings == Brings::Service(*service)
                        || (*experience == Experience::DefenderPortal && plan.brings == Brings::Lesser(*service))
                };
                assert!(sku.plans.iter().any(brings), "{experience}: {} brings no {service}", offer.name);
            }
        }
    }
}

#[test]
fn names_then_and_now() {
    for (service, then, now) in [
        (Endpoint, "Defender ATP", "Defender for Endpoint"),
        (Office365, "Office 365 ATP Plan 2", "Defender for Office 365 Plan 2"),
        (Identity, "Azure ATP", "Defender for Identity"),
        (CloudApps, "Microsoft Cloud App Security", "Defender for Cloud Apps"),
    ] {
        let name = |experience| service_name(service, experience);
        assert_eq!(
            (name(Experience::WelcomePage), name(Experience::SettingsPage), name(Experience::DefenderPortal)),
            (then, then, now)
        );
    }
}
