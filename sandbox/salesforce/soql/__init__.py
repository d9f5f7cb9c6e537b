"""SOQL: the subset of salesforce.md, section 7, from text to rows."""
