//! What Microsoft sells, as far as it matters here: service plans, the SKUs that carry them, and what to buy.
//!
//! A service plan and a SKU are two types, because `ATA`, `THREAT_INTELLIGENCE`, `ATP_ENTERPRISE` and `MDE_SMB` are names
//! of both, with different ids. Decisions match ids of plans only; names and part numbers are for people.

use super::{Experience, Service};

#[cfg(test)]
mod tests;

/// A service plan: what a licence switches on. All ids are lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Id (`servicePlanId`), the same in every tenant.
    pub id: &'static str,
    /// Name (`servicePlanName`).
    pub name: &'static str,
    /// The name that the licence page shows.
    pub friendly_name: &'static str,
    /// What it brings.
    pub brings: Brings,
}

/// What a service plan brings to the service that unifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    /// The unifying service itself (Microsoft Threat Protection), which bundles have and stand-alone products lack.
    Unified,
    /// A supported product in full.
    Service(Service),
    /// A smaller edition of a supported product, which qualifies only today.
    Lesser(Service),
    /// Nothing that qualifies under any rules.
    Nothing,
}

/// A product that is bought: a set of service plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sku {
    /// Product name.
    pub product: &'static str,
    /// Part number (`skuPartNumber`).
    pub part_number: &'static str,
    /// Id (`skuId`), the same in every tenant.
    pub id: &'static str,
    /// Its plans that [`PLANS`] lists.
    pub plans: &'static [ServicePlan],
}

/// A product to buy, in the words of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is called.
    pub name: &'static str,
    /// Part number of its SKU in [`SKUS`].
    pub part_number: &'static str,
    /// What it brings.
    pub services: &'static [Service],
}

const fn plan_of(name: &'static str, id: &'static str, friendly_name: &'static str, brings: Brings) -> ServicePlan {
    ServicePlan { id, name, friendly_name, brings }
}

const MTP: ServicePlan =
    plan_of("MTP", "bf28f719-7844-4079-9c78-c1307898e192", "Microsoft 365 Defender", Brings::Unified);
const WINDEFATP: ServicePlan = plan_of(
    "WINDEFATP",
    "871d91ec-ec1a-452b-a83f-bd76c7d770ef",
    "Microsoft Defender for Endpoint",
    Brings::Service(Service::Endpoint),
);
const ATA: ServicePlan = plan_of(
    "ATA",
    "14ab5db5-e6c4-4b20-b4bc-13e36fd2227f",
    "Microsoft Defender for Identity",
    Brings::Service(Service::Identity),
);
const ADALLOM_S_STANDALONE: ServicePlan = plan_of(
    "ADALLOM_S_STANDALONE",
    "2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2",
    "Microsoft Defender for Cloud Apps",
    Brings::Service(Service::CloudApps),
);
const ADALLOM_S_STANDALONE_DOD: ServicePlan = plan_of(
    "ADALLOM_S_STANDALONE_DOD",
    "6ebdddb7-8e55-4af2-952b-69e77262f96c",
    "Microsoft Defender for Cloud Apps (government)",
    Brings::Service(Service::CloudApps),
);
const THREAT_INTELLIGENCE: ServicePlan = plan_of(
    "THREAT_INTELLIGENCE",
    "8e0c0a52-6a6c-4d40-8370-dd62790dcd70",
    "Defender for Office 365 (Plan 2)",
    Brings::Service(Service::Office365),
);
const THREAT_INTELLIGENCE_GOV: ServicePlan = plan_of(
    "THREAT_INTELLIGENCE_GOV",
    "900018f1-0cdb-4ecb-94d4-90281760fdc6",
    "Defender for Office 365 (Plan 2) (government)",
    Brings::Service(Service::Office365),
);
const ATP_ENTERPRISE: ServicePlan = plan_of(
    "ATP_ENTERPRISE",
    "f20fedf3-f3c3-43c3-8267-2bfdd51c0939",
    "Defender for Office 365 (Plan 1)",
    Brings::Nothing,
);
const ATP_ENTERPRISE_GOV: ServicePlan = plan_of(
    "ATP_ENTERPRISE_GOV",
    "493ff600-6a2b-4db6-ad37-a7d4eb214516",
    "Defender for Office 365 (Plan 1) (government)",
    Brings::Nothing,
);
const MDE_LITE: ServicePlan = plan_of(
    "MDE_LITE",
    "292cc034-7b7c-4950-aaf5-943befd3f1d4",
    "Defender for Endpoint Plan 1",
    Brings::Lesser(Service::Endpoint),
);
const MDE_SMB: ServicePlan = plan_of(
    "MDE_SMB",
    "bfc1bbd9-981b-4f71-9b82-17c35fd0e2a4",
    "Defender for Business",
    Brings::Lesser(Service::Endpoint),
);
const ADALLOM_S_DISCOVERY: ServicePlan = plan_of(
    "ADALLOM_S_DISCOVERY",
    "932ad362-64a8-4783-9106-97849a1a30b9",
    "Cloud Apps Discovery",
    Brings::Lesser(Service::CloudApps),
);
const ADALLOM_S_O365: ServicePlan =
    plan_of("ADALLOM_S_O365", "8c098270-9dd4-4350-9b30-ba4703f3b36b", "Office 365 Cloud App Security", Brings::Nothing);
const ADALLOM_FOR_AATP: ServicePlan = plan_of(
    "ADALLOM_FOR_AATP",
    "61d18b02-6889-479f-8f36-56e6e0fe5792",
    "SecOps Investigation for MDI",
    Brings::Nothing,
);
const SAFEDOCS: ServicePlan =
    plan_of("SAFEDOCS", "bf6f5520-59e3-4f82-974b-7dbbc4fd27c7", "Office 365 SafeDocs", Brings::Nothing);
const INTUNE_DEFENDER: ServicePlan =
    plan_of("Intune_Defender", "1689aade-3d6a-4bfc-b017-46d2672df5ad", "Endpoint security management", Brings::Nothing);

/// The service plans that matter, and those that are easily mistaken for them.
///
/// Ids: Microsoft, *Product names and service plan identifiers for licensing* (page of 29 October 2025) and its CSV
/// (30 December 2025). What each brings: *Prerequisites* of Microsoft Threat Protection (2020) and of Microsoft Defender
/// XDR (3 April 2025).
pub const PLANS: &[ServicePlan] = &[
    MTP,
    WINDEFATP,
    ATA,
    ADALLOM_S_STANDALONE,
    ADALLOM_S_STANDALONE_DOD,
    THREAT_INTELLIGENCE,
    THREAT_INTELLIGENCE_GOV,
    ATP_ENTERPRISE,
    ATP_ENTERPRISE_GOV,
    MDE_LITE,
    MDE_SMB,
    ADALLOM_S_DISCOVERY,
    ADALLOM_S_O365,
    ADALLOM_FOR_AATP,
    SAFEDOCS,
    INTUNE_DEFENDER,
];

const ALL_FOUR: &[ServicePlan] = &[WINDEFATP, ATA, ADALLOM_S_STANDALONE, ATP_ENTERPRISE, THREAT_INTELLIGENCE];
const UNIFIED: &[ServicePlan] = &[MTP, WINDEFATP, ATA, ADALLOM_S_STANDALONE, ATP_ENTERPRISE, THREAT_INTELLIGENCE];
const UNIFIED_WITHOUT_ENDPOINT: &[ServicePlan] = &[MTP, ATA, ADALLOM_S_STANDALONE, ATP_ENTERPRISE, THREAT_INTELLIGENCE];
const UNIFIED_OFFICE: &[ServicePlan] = &[MTP, ATP_ENTERPRISE, THREAT_INTELLIGENCE];

const fn sku_of(
    product: &'static str,
    part_number: &'static str,
    id: &'static str,
    plans: &'static [ServicePlan],
) -> Sku {
    Sku { product, part_number, id, plans }
}

/// Products, with their plans of [`PLANS`].
///
/// Microsoft, *Product names and service plan identifiers for licensing* (page of 29 October 2025), its CSV
/// (30 December 2025) and a later copy of it (CIPP, 8 August 2026). The SKUs of Microsoft 365 A5 Security and of EMS A5
/// are in none of them.
#[rustfmt::skip]
pub const SKUS: &[Sku] = &[
    sku_of("Microsoft 365 E5", "SPE_E5", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", UNIFIED),
    sku_of("Microsoft 365 E5 without Audio Conferencing", "SPE_E5_NOPSTNCONF", "cd2925a3-5076-4233-8931-638a8c94f773", UNIFIED),
    sku_of("Microsoft 365 E5 without Audio Conferencing (500 seats) HUB", "Microsoft_365_E5_without_Audio_Conferencing", "2113661c-6509-4034-98bb-9c47bd28d63c", UNIFIED),
    sku_of("Microsoft 365 E5 (500 seats) HUB", "Microsoft_365_E5", "db684ac5-c0e7-4f92-8284-ef9ebde75d33", UNIFIED),
    sku_of("Microsoft 365 E5 EEA (no Teams)", "O365_w/o_Teams_Bundle_M5", "3271cf8e-2be5-4a09-a549-70fd05baaa17", UNIFIED),
    sku_of("Microsoft 365 E5 EEA (no Teams) without Audio Conferencing (500 seats) HUB", "Microsoft_365_E5_EEA_(no_Teams)_without_Audio_Conferencing_(500_seats_min)_HUB", "a640eead-25f6-4bec-97e3-23cfd382d7c2", UNIFIED),
    sku_of("Microsoft 365 E5 (no Teams)", "Microsoft_365_E5_(no_Teams)", "18a4bd3f-0b5b-4887-b04f-61dd0ee15f5e", UNIFIED),
    sku_of("Microsoft 365 E7", "MICROSOFT_365_E7", "9a18296a-025f-4e37-9ffa-30bf8d1ce775", UNIFIED),
    sku_of("Microsoft 365 E5 with Calling Minutes", "SPE_E5_CALLINGMINUTES", "a91fc4e0-65e5-4266-aa76-4037509c1626", ALL_FOUR),
    sku_of("Microsoft 365 E5 GCC High", "SPE_E5_USGOV_GCCHIGH", "4eb45c5b-0d19-4e33-b87c-adfc25268f20", ALL_FOUR),
    sku_of("Microsoft 365 E5 Developer", "DEVELOPERPACK_E5", "c42b9cae-ea4f-4ab7-9717-81576235ccac", UNIFIED_WITHOUT_ENDPOINT),
    sku_of("Microsoft 365 E5 Security (Microsoft Defender Suite)", "IDENTITY_THREAT_PROTECTION", "26124093-3d78-432b-b5dc-48bf992543d5", UNIFIED),
    sku_of("Microsoft 365 E5 Security for EMS E5", "IDENTITY_THREAT_PROTECTION_FOR_EMS_E5", "44ac31e7-2999-4304-ad94-c948886741d4", &[MTP, WINDEFATP, ATP_ENTERPRISE, THREAT_INTELLIGENCE]),
    sku_of("Microsoft 365 A5 for faculty", "M365EDU_A5_FACULTY", "e97c048c-37a4-45fb-ab50-922fbf07a370", UNIFIED),
    sku_of("Microsoft 365 A5 for students", "M365EDU_A5_STUDENT", "46c119d4-0379-4a9d-85e4-97c66d3f909e", UNIFIED),
    sku_of("Microsoft 365 A5 for students use benefit", "M365EDU_A5_STUUSEBNFT", "31d57bc7-3a05-4867-ab53-97a17835a411", UNIFIED_WITHOUT_ENDPOINT),
    sku_of("Microsoft 365 A5 use benefit without Audio Conferencing", "M365EDU_A5_NOPSTNCONF_STUUSEBNFT", "81441ae1-0b31-4185-a6c0-32b6b84d419f", UNIFIED_WITHOUT_ENDPOINT),
    sku_of("Office 365 E5", "ENTERPRISEPREMIUM", "c7df2760-2c81-4ef7-b578-5b5392b571df", UNIFIED_OFFICE),
    sku_of("Office 365 E5 without Audio Conferencing", "ENTERPRISEPREMIUM_NOPSTNCONF", "26d45bd9-adf1-46cd-a9e1-51e9a5524128", UNIFIED_OFFICE),
    sku_of("Office 365 E5 EEA (no Teams)", "Office_365_w/o_Teams_Bundle_E5", "cf50bae9-29e8-4775-b07c-56ee10e3776d", UNIFIED_OFFICE),
    sku_of("Office 365 A5 for faculty", "ENTERPRISEPREMIUM_FACULTY", "a4585165-0533-458a-97e3-c400570268c4", UNIFIED_OFFICE),
    sku_of("Office 365 A5 for students", "ENTERPRISEPREMIUM_STUDENT", "ee656612-49fa-43e5-b67e-cb1fdf7699df", UNIFIED_OFFICE),
    sku_of("Enterprise Mobility + Security E5", "EMSPREMIUM", "b05e124f-c7cc-45a0-a6aa-8cf78c946968", &[ATA, ADALLOM_S_STANDALONE]),
    sku_of("Windows 10/11 Enterprise E5", "WIN10_VDA_E5", "488ba24a-39a9-4473-8ee5-19291e71b002", &[WINDEFATP]),
    sku_of("Windows 10/11 Enterprise E5 (Original)", "WIN_ENT_E5", "1e7e1070-8ccb-4aca-b470-d7cb538cb07e", &[WINDEFATP]),
    sku_of("Windows Enterprise E5 Commercial (GCC compatible)", "WINE5_GCC_COMPAT", "938fd547-d794-42a4-996c-1cc206619580", &[WINDEFATP]),
    sku_of("Windows 10/11 Enterprise A5 for faculty", "WIN10_ENT_A5_FAC", "7b1a89a9-5eb9-4cf8-9467-20c943f1122c", &[WINDEFATP]),
    sku_of("Microsoft Defender for Endpoint", "WIN_DEF_ATP", "111046dd-295b-4d6d-9724-d52ac90bd1f2", &[WINDEFATP]),
    sku_of("Microsoft Defender for Endpoint P2_XPLAT", "MDATP_XPLAT", "b126b073-72db-4a9d-87a4-b17afe41d4ab", &[WINDEFATP]),
    sku_of("Microsoft Defender for Endpoint Server", "MDATP_Server", "509e8ab6-0274-4cda-bcbd-bd164fd562c4", &[WINDEFATP]),
    sku_of("Microsoft Defender for Endpoint P1", "DEFENDER_ENDPOINT_P1", "16a55f2f-ff35-4cd5-9146-fb784e3761a5", &[MDE_LITE]),
    sku_of("Microsoft Defender for Identity", "ATA", "98defdf7-f6c1-44f5-a1f6-943b6764e7a5", &[ATA, ADALLOM_FOR_AATP]),
    sku_of("Microsoft Defender for Cloud Apps", "ADALLOM_STANDALONE", "df845ce7-05f9-4894-b5f2-11bbfbcfd2b6", &[ADALLOM_S_STANDALONE]),
    sku_of("Microsoft Defender for Office 365 (Plan 2)", "THREAT_INTELLIGENCE", "3dd6cf57-d688-4eed-ba52-9e40b5468c3e", UNIFIED_OFFICE),
    sku_of("Microsoft Defender for Office 365 (Plan 1)", "ATP_ENTERPRISE", "4ef96642-f096-40de-a3e9-d83fb2f90211", &[ATP_ENTERPRISE]),
    sku_of("Microsoft 365 F5 Security Add-on", "SPE_F5_SEC", "67ffe999-d9ca-49e1-9d2c-03fb28aa7a48", UNIFIED),
    sku_of("Microsoft 365 F5 Security + Compliance Add-on", "SPE_F5_SECCOMP", "32b47245-eb31-44fc-b945-a8b1576c439f", UNIFIED),
    sku_of("Microsoft 365 Security and Compliance for Firstline Workers", "M365_SECURITY_COMPLIANCE_FOR_FLW", "2347355b-4e81-41a4-9c22-55057a399791", UNIFIED),
    sku_of("Microsoft 365 Business Premium", "SPB", "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", &[MDE_SMB, ATP_ENTERPRISE, ADALLOM_S_DISCOVERY]),
    sku_of("Microsoft Defender for Business", "MDE_SMB", "5e1e7702-a2b7-4360-8d07-2f515792896f", &[MDE_SMB]),
    sku_of("Microsoft 365 GCC G5", "M365_G5_GCC", "e2be619b-b125-455f-8660-fb503e431a5d", &[MTP, WINDEFATP, ATA, ADALLOM_S_STANDALONE]),
    sku_of("Microsoft 365 GCC G5 without WDATP and CAS", "M365_G5_GOV", "b0f809d5-a662-4391-a5aa-136e9c565b9d", &[MTP]),
    sku_of("Microsoft 365 E3", "SPE_E3", "05e9a617-0261-4cee-bb44-138d3ef5d965", &[ATP_ENTERPRISE, ADALLOM_S_DISCOVERY]),
    sku_of("Office 365 E3", "ENTERPRISEPACK", "6fd2c87f-b296-42f0-b197-1e91e994b900", &[ATP_ENTERPRISE]),
    sku_of("Microsoft 365 E5 Compliance", "INFORMATION_PROTECTION_COMPLIANCE", "184efa21-98c3-4e5d-95ab-d07053a96e67", &[ADALLOM_S_STANDALONE]),
];

/// What brings the services that the March 2020 rules ask for, piece by piece: *Office 365 E5, EMS E5 and Windows E5
/// together* (Microsoft, *Prerequisites*, early 2020).
const PIECES_OF_MARCH_2020: &[Offer] = &[
    Offer { name: "Windows 10 Enterprise E5", part_number: "WIN10_VDA_E5", services: &[Service::Endpoint] },
    Offer { name: "Office 365 E5", part_number: "ENTERPRISEPREMIUM", services: &[Service::Office365] },
    Offer {
        name: "Enterprise Mobility + Security E5",
        part_number: "EMSPREMIUM",
        services: &[Service::Identity, Service::CloudApps],
    },
];

/// The products each of which suffices under the June 2020 rules (Microsoft, *FAQ*, September 2020, first question).
const PRODUCTS_OF_JUNE_2020: &[Offer] = &[
    Offer { name: "Microsoft Defender ATP", part_number: "WIN_DEF_ATP", services: &[Service::Endpoint] },
    Offer { name: "Azure ATP", part_number: "ATA", services: &[Service::Identity] },
    Offer { name: "Microsoft Cloud App Security", part_number: "ADALLOM_STANDALONE", services: &[Service::CloudApps] },
    Offer { name: "Office 365 ATP Plan 2", part_number: "THREAT_INTELLIGENCE", services: &[Service::Office365] },
];

/// The smallest products each of which suffices today (Microsoft, *Prerequisites*, 3 April 2025).
const PRODUCTS_OF_TODAY: &[Offer] = &[
    Offer { name: "Microsoft Defender for Business", part_number: "MDE_SMB", services: &[Service::Endpoint] },
    Offer { name: "Microsoft Defender for Endpoint", part_number: "WIN_DEF_ATP", services: &[Service::Endpoint] },
    Offer { name: "Microsoft Defender for Identity", part_number: "ATA", services: &[Service::Identity] },
    Offer {
        name: "Microsoft Defender for Cloud Apps",
        part_number: "ADALLOM_STANDALONE",
        services: &[Service::CloudApps],
    },
    Offer {
        name: "Microsoft Defender for Office 365 Plan 2",
        part_number: "THREAT_INTELLIGENCE",
        services: &[Service::Office365],
    },
];

/// The plan with this id, without regard to case.
#[must_use]
pub fn plan(id: &str) -> Option<&'static ServicePlan> {
    let id = if id.len() == UUID_LENGTH { id } else { id.trim() };
    // A tenant has hundreds of plans and few of them are here: the first eight characters tell nearly all apart.
    let head = id.as_bytes().first_chunk::<8>()?.map(|byte| byte.to_ascii_lowercase());
    let may_be = |plan: &&ServicePlan| plan.id.as_bytes().first_chunk() == Some(&head);
    PLANS.iter().filter(may_be).find(|plan| plan.id.eq_ignore_ascii_case(id))
}

/// Characters of a UUID.
const UUID_LENGTH: usize = 36;

/// The SKU with this id, without regard to case.
#[must_use]
pub fn sku(id: &str) -> Option<&'static Sku> {
    SKUS.iter().find(|sku| sku.id.eq_ignore_ascii_case(id.trim()))
}

/// The SKUs with this part number, without regard to case: Microsoft gives some part numbers twice.
pub fn skus_by_part_number(part_number: &str) -> impl Iterator<Item = &'static Sku> {
    SKUS.iter().filter(move |sku| sku.part_number.eq_ignore_ascii_case(part_number.trim()))
}

/// The smallest products that help a tenant that does not qualify: under the rules of March 2020 each brings a part of
/// what is asked for, later any one suffices.
#[must_use]
pub const fn offers(experience: Experience) -> &'static [Offer] {
    match experience {
        Experience::WelcomePage => PIECES_OF_MARCH_2020,
        Experience::SettingsPage => PRODUCTS_OF_JUNE_2020,
        Experience::DefenderPortal => PRODUCTS_OF_TODAY,
    }
}

/// The smallest one product that brings all four services (Microsoft, *Prerequisites*, 2020 and 3 April 2025).
#[must_use]
pub const fn bundle(experience: Experience) -> Offer {
    Offer {
        name: match experience {
            Experience::WelcomePage | Experience::SettingsPage => "Microsoft 365 E5 Security",
            Experience::DefenderPortal => "Microsoft Defender Suite",
        },
        part_number: "IDENTITY_THREAT_PROTECTION",
        services: Service::ALL,
    }
}

/// What a service was called at the time (Microsoft, *Turn on Microsoft Threat Protection*, 2020; *Prerequisites*, 3 April 2025).
#[must_use]
pub const fn service_name(service: Service, experience: Experience) -> &'static str {
    match experience {
        Experience::WelcomePage | Experience::SettingsPage => match service {
            Service::Endpoint => "Defender ATP",
            Service::Office365 => "Office 365 ATP Plan 2",
            Service::Identity => "Azure ATP",
            Service::CloudApps => "Microsoft Cloud App Security",
        },
        Experience::DefenderPortal => match service {
            Service::Endpoint => "Defender for Endpoint",
            Service::Office365 => "Defender for Office 365 Plan 2",
            Service::Identity => "Defender for Identity",
            Service::CloudApps => "Defender for Cloud Apps",
        },
    }
}
