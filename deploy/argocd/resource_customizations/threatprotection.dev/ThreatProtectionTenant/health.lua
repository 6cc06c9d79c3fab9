-- The rules are those of kstatus, with one difference: what waits for a person, or would be done if `managementPolicy`
-- let it, is Suspended and not Degraded, because nothing is wrong with what is declared.
local status = obj.status or {}
local is_observed = status.observedGeneration == obj.metadata.generation

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is_true(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local health = { status = "Progressing", message = "Waiting for the operator" }
if is_observed and conditions["Ready"] ~= nil then
  health.message = conditions["Ready"].message
end

if obj.metadata.deletionTimestamp ~= nil then
  return health
end

-- While it is suspended the operator leaves status.observedGeneration as it was; this condition has one of its own.
if is_true("Suspended") and conditions["Suspended"].observedGeneration == obj.metadata.generation then
  health.status = "Suspended"
  health.message = conditions["Suspended"].message
  return health
end

if not is_observed then
  return health
end

if is_true("Stalled") then
  local reason = conditions["Stalled"].reason
  if reason == "ActionRequired" or reason == "ObserveOnly" then
    health.status = "Suspended"
  else
    health.status = "Degraded"
  end
elseif is_true("Ready") and not is_true("Reconciling") then
  health.status = "Healthy"
end
return health
