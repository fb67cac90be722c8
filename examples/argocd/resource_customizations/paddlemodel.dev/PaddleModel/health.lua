-- Health of a PaddleModel: Healthy if it is Ready, Degraded if somebody has to act, Suspended if somebody has
-- stopped it, else Progressing. The message is that of the condition Ready: the cause and the cure.
local suspended = { ScaledToZero = true, Paused = true }

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "The model is being deleted." }
end

local ready, stalled = nil, false
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    if condition.type == "Ready" then
      ready = condition
    end
    if condition.type == "Stalled" and condition.status == "True" then
      stalled = true
    end
  end
end

if ready == nil then
  return { status = "Progressing", message = "The operator has not handled the model yet." }
end
-- A paused model whose spec has changed says so, and its status stays about the spec before.
if suspended[ready.reason] then
  return { status = "Suspended", message = ready.message }
end
if obj.metadata.generation ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not handled the newest spec yet." }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
if stalled then
  return { status = "Degraded", message = ready.message }
end
return { status = "Progressing", message = ready.message }
