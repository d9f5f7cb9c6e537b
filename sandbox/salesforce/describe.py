"""Describe answers: what an object is made of, as clients read it (salesforce.md, section 2.8)."""

from sandbox.salesforce.objects import OBJECTS
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import Field, SObject

Document = dict[str, object]
_SOAP_TYPES = {
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "id": "tns:ID",
    "reference": "tns:ID",
    "address": "urn:address",
}
_PARTS = ("Street", "City", "State", "PostalCode", "Country")


def described_globally(version: str) -> Document:
    summaries = [_summary(definition, version) for definition in OBJECTS.values()]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": summaries}


def basic_information(definition: SObject, version: str) -> Document:
    return {"objectDescribe": _summary(definition, version), "recentItems": []}


def described(org: Org, definition: SObject, version: str) -> Document:
    children = [
        {
            "childSObject": child.sobject,
            "field": child.field,
            "relationshipName": child.relationship,
            "cascadeDelete": child.sobject == "OrderItem",
            "deprecatedAndHidden": False,
        }
        for child in definition.children
    ]
    fields = [_field(field, definition) for field in definition.fields if not org.hides(definition, field)]
    return _summary(definition, version) | {"childRelationships": children, "fields": fields, "recordTypeInfos": []}


def _summary(definition: SObject, version: str) -> Document:
    base = f"/services/data/v{version}/sobjects/{definition.name}"
    yes = ("queryable", "createable", "updateable", "deletable", "replicateable", "retrieveable", "searchable")
    return {
        "name": definition.name,
        "label": definition.name,
        "labelPlural": definition.name + "s",
        "keyPrefix": definition.prefix,
        **dict.fromkeys(yes, True),
        "custom": False,
        "deprecatedAndHidden": False,
        "urls": {"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}"},
    }


def _field(field: Field, definition: SObject) -> Document:
    sortable = field.filterable and field.type != "address"
    return {
        "name": field.name,
        "label": field.name.removesuffix("__c").replace("_", " "),
        "type": field.type,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "length": field.length,
        "precision": 18 if field.type in {"currency", "double"} else 0,
        "scale": 2 if field.type in {"currency", "double"} else 0,
        "digits": 8 if field.type == "int" else 0,
        "nillable": field.nillable,
        "createable": field.createable,
        "updateable": field.updateable,
        "defaultedOnCreate": field.autonumber or field.type == "boolean" or not (field.nillable or field.required),
        "calculated": False,
        "custom": field.is_custom,
        "externalId": field.external_id and field.is_custom,
        "unique": field.external_id,
        "idLookup": field.type == "id" or field.external_id or field.autonumber,
        "nameField": field.name in {"Name", "OrderNumber", "CaseNumber", "OrderItemNumber"},
        "filterable": sortable,
        "sortable": sortable,
        "groupable": sortable and field.type not in {"currency", "double", "datetime"},
        "autoNumber": field.autonumber,
        "restrictedPicklist": field.name in definition.restricted,
        "picklistValues": [
            {"value": value, "label": value, "active": True, "defaultValue": False, "validFor": None}
            for value in definition.restricted.get(field.name, ())
        ],
        "referenceTo": [field.refers_to] if field.refers_to else [],
        "relationshipName": field.relationship,
        "compoundFieldName": _compound(field, definition),
        "deprecatedAndHidden": False,
    }


def _compound(field: Field, definition: SObject) -> str | None:
    for part in _PARTS:
        compound = field.name.removesuffix(part) + "Address"
        if field.name.endswith(part) and compound.lower() in definition.by_name:
            return compound
    return None
