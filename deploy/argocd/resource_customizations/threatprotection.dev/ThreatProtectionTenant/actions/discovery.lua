-- Under Observe there is no suspend: resume could not tell that it was not Manage before.
local policy = obj.spec.managementPolicy or "Manage"

local actions = {}
actions["reconcile"] = { ["disabled"] = policy == "Suspend" }
actions["suspend"] = { ["disabled"] = policy ~= "Manage" }
actions["resume"] = { ["disabled"] = policy ~= "Suspend" }
return actions
