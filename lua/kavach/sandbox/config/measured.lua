-- The command that is measured with the guest, and what does not go with one.

local refusal = require "kavach.sandbox.config.refusal"

local M = {}

local function text(value)
  if value == "" or value:find("\0", 1, true) then return nil, "a string that is not empty" end
  return value
end

local function command(value)
  if type(value) == "string" then return text(value) end
  local words = {}
  for i = 1, #value do
    if type(value[i]) ~= "string" or value[i]:find("\0", 1, true) then
      return nil, ("a string or a list of strings without a NUL, which word %d is not"):format(i)
    end
    words[i] = value[i]
  end
  if not words[1] or words[1] == "" then return nil, "a list that begins with a program" end
  return words
end

M.options = {
  measured = {
    fields = {
      command = { type = { "string", "table" }, fn = command, required = true },
      cwd = { type = "string", fn = text }, user = { type = "string", fn = text },
      env = { map = "string" },
    },
  },
}

-- What would put programs or data of the host in the command's way.
local UNMEASURED <const> = { "root", "image", "disk_mb" }

function M.check(checked)
  local given = checked.measured
  if checked.transport ~= "measured" then
    if given then return refusal("measured", "is for transport = \"measured\"") end
    return true
  end
  if not given then
    return refusal("transport", "= \"measured\" needs measured = { command = … }, the command that "
      .. "is measured")
  end
  if #checked.mounts > 0 then
    return refusal("mounts", "do not go with transport = \"measured\": nothing of the host is "
      .. "measured")
  end
  for _, name in ipairs(UNMEASURED) do
    if checked[name] ~= nil then
      return refusal(name, "does not go with transport = \"measured\": it is not measured")
    end
  end
  local payload, why = require("kavach.sandbox.measured").payload_of(given, checked.env)
  if not payload then return refusal("measured", "cannot be carried: " .. why) end
  given.payload = payload
  return true
end

return M
