--- A template as it stands in the documents of `kavach template`. Its texts come from files.

local json = require "kavach.json"
local plain = require "kavach.plain"

local FIELDS <const> = {
  "digest", "bytes", "used", "bad", "qemu", "qemu_version", "kernel", "backend", "cpus",
  "memory_mb", "created",
}

---@param template kavach.Template
---@return table
return function(template)
  local document = {}
  for _, name in ipairs(FIELDS) do
    local value = template[name]
    if type(value) == "string" then value = plain.text(value) end
    document[name] = value == nil and json.null or value
  end
  return document
end
