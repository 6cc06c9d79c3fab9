local policy = obj.spec.managementPolicy or "Manage"

-- Discovery decides what is shown and not what is run.
if policy == "Observe" then
  error("managementPolicy is Observe, which resume could not bring back: suspend it in Git")
end
obj.spec.managementPolicy = "Suspend"
return obj
