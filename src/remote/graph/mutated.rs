//! No body, however broken, makes a parser of Microsoft Graph panic or say something that nobody can use.
