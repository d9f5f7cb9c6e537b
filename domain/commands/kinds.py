"""Every kind of command, declared once. Its steps are in `pipelines/commands/actions`."""

from datetime import timedelta

from domain.commands.kind import Kind, NoFacts
from domain.common.account_roles import BILLING, TECHNICAL, WRITING
from domain.customer.changing import (
    CustomerFacts,
    RequestEligibility,
    UpdateAddress,
    UpdateProfile,
    eligibility_rules,
)
from domain.customer.identity import IdentityFacts, SubmitIdentityDocument, identity_rules
from domain.customer.signing_up import LinkWhmcs, SignUp
from domain.orders.placing import Facts as CartFacts
from domain.orders.placing import PlaceOrder, broken_rules
from domain.orders.provisioning import ProvisionOrder
from domain.sim.changing import (
    LineCancellation,
    LineFacts,
    NetworkChange,
    PlanChange,
    Reissue,
    TopUp,
    VoiceOptions,
    cancellation_rules,
    network_rules,
    plan_rules,
    reissue_rules,
    top_up_rules,
    voice_rules,
)
from domain.subscriptions import cancelling
from domain.subscriptions.cancelling import CancelSubscription, SubscriptionFacts
from domain.support.changing import AddComment, CaseFacts, CloseCase, OpenCase, open_case_rules

PLACE_ORDER = Kind(
    name="place_order",
    about="A cart becomes an Order in Salesforce, for an agent to approve.",
    input=PlaceOrder,
    subject="orders",
    system="salesforce",
    calls=("salesforce",),
    facts=CartFacts,
    roles=BILLING,
    rules=broken_rules,
    crm_calls=4,
)
PROVISION_ORDER = Kind(
    name="provision_order",
    about="An approved Order becomes services in WHMCS (and a line at Freebit), and Salesforce is told.",
    input=ProvisionOrder,
    subject="orders",
    system="salesforce",
    calls=("salesforce", "whmcs"),
    facts=NoFacts,
    deadline=timedelta(days=3),
)
TOP_UP = Kind(
    name="top_up",
    about="More data for a SIM line: an invoice, its payment, then the data.",
    input=TopUp,
    subject="sims",
    system="whmcs",
    calls=("whmcs", "freebit"),
    facts=LineFacts,
    roles=BILLING,
    rules=top_up_rules,
)
CHANGE_PLAN = Kind(
    name="change_plan",
    about="Another plan for a SIM line, from the first of next month on.",
    input=PlanChange,
    subject="sims",
    system="whmcs",
    calls=("freebit",),
    facts=LineFacts,
    roles=TECHNICAL,
    rules=plan_rules,
)
CHANGE_VOICE = Kind(
    name="change_voice",
    about="Voice options of a SIM line.",
    input=VoiceOptions,
    subject="sims",
    system="whmcs",
    calls=("freebit",),
    facts=LineFacts,
    roles=TECHNICAL,
    rules=voice_rules,
)
CHANGE_NETWORK = Kind(
    name="change_network",
    about="4G or 5G for a SIM line.",
    input=NetworkChange,
    subject="sims",
    system="whmcs",
    calls=("freebit",),
    facts=LineFacts,
    roles=TECHNICAL,
    rules=network_rules,
)
REISSUE_ESIM = Kind(
    name="reissue_esim",
    about="A new profile for an eSIM, on a new chip.",
    input=Reissue,
    subject="sims",
    system="whmcs",
    calls=("freebit", "whmcs"),
    facts=LineFacts,
    roles=TECHNICAL,
    rules=reissue_rules,
    fresh=True,
)
CANCEL_SIM = Kind(
    name="cancel_sim",
    about="A SIM line ends with a month.",
    input=LineCancellation,
    subject="sims",
    system="whmcs",
    calls=("freebit", "whmcs", "salesforce"),
    facts=LineFacts,
    rules=cancellation_rules,
    fresh=True,
    crm_calls=3,
)
OPEN_CASE = Kind(
    name="open_case",
    about="A support case in Salesforce.",
    input=OpenCase,
    subject="support_cases",
    system="salesforce",
    calls=("salesforce",),
    facts=CaseFacts,
    roles=WRITING,
    crm_calls=2,
)
ADD_COMMENT = Kind(
    name="add_comment",
    about="The customer's word on a support case.",
    input=AddComment,
    subject="support_cases",
    system="salesforce",
    calls=("salesforce",),
    facts=CaseFacts,
    roles=WRITING,
    rules=open_case_rules,
    crm_calls=1,
)
CLOSE_CASE = Kind(
    name="close_case",
    about="A support case is settled.",
    input=CloseCase,
    subject="support_cases",
    system="salesforce",
    calls=("salesforce",),
    facts=CaseFacts,
    roles=WRITING,
    rules=open_case_rules,
    crm_calls=1,
)
UPDATE_PROFILE = Kind(
    name="update_profile",
    about="The billing contact, which WHMCS owns.",
    input=UpdateProfile,
    subject="customers",
    system="whmcs",
    calls=("whmcs",),
    facts=CustomerFacts,
    roles=BILLING,
    # Whoever changes the address that bills and their links go to has the account.
    fresh=True,
)
UPDATE_ADDRESS = Kind(
    name="update_address",
    about="The address on file, which WHMCS owns.",
    input=UpdateAddress,
    subject="customers",
    system="whmcs",
    calls=("whmcs",),
    facts=CustomerFacts,
    roles=BILLING,
)
REQUEST_ELIGIBILITY = Kind(
    name="request_eligibility",
    about="An agent is asked to check which internet services reach the address.",
    input=RequestEligibility,
    subject="customers",
    system="salesforce",
    calls=("salesforce",),
    facts=CustomerFacts,
    roles=WRITING,
    rules=eligibility_rules,
    crm_calls=5,
)
CANCEL_SUBSCRIPTION = Kind(
    name="cancel_subscription",
    about="A service ends, at once or with its billing period.",
    input=CancelSubscription,
    subject="subscriptions",
    system="whmcs",
    calls=("whmcs", "salesforce"),
    facts=SubscriptionFacts,
    rules=cancelling.cancellation_rules,
    fresh=True,
    crm_calls=2,
)
SUBMIT_IDENTITY_DOCUMENT = Kind(
    name="submit_identity_document",
    about="A document that proves who the customer is waits for an agent.",
    input=SubmitIdentityDocument,
    subject="customers",
    system="salesforce",
    calls=("salesforce",),
    facts=IdentityFacts,
    rules=identity_rules,
    # The document looked for and put there, looked for again, and the account marked.
    crm_calls=4,
)
SIGN_UP = Kind(
    name="sign_up",
    about="Somebody becomes a customer: a client in WHMCS, a person who may log in, an Account in Salesforce.",
    input=SignUp,
    subject="sign_ups",
    system="whmcs",
    calls=("whmcs", "salesforce"),
    facts=NoFacts,
)
LINK_WHMCS = Kind(
    name="link_whmcs",
    about="Whoever WHMCS knows already becomes a person who may log in, and Salesforce is told.",
    input=LinkWhmcs,
    subject="sign_ups",
    system="whmcs",
    calls=("whmcs", "salesforce"),
    facts=NoFacts,
    crm_calls=2,
)
