//! No body, however broken, makes a parser of Azure Resource Manager panic or say something that nobody can use.
