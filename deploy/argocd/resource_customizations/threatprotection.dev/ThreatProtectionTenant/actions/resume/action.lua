-- Discovery decides what is shown and not what is run; what only observes must not begin to act.
if obj.spec.managementPolicy == "Suspend" then
  obj.spec.managementPolicy = "Manage"
end
return obj
