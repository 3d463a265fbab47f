-- What goes wrong with a journal, as errors.

local err = require "kavach.err"

local fault = {}

local OP <const> = "journal"

---An error of kavach.store's. One that is not a single unit's own says so in a field of its name:
---full, readonly, corrupt, busy.
---@param message string
---@param kind string
---@param what? string what cannot be done
---@return kavach.Error
function fault.of(message, kind, what)
  if kind == "fenced" then
    return err.new("invalid_transition",
      "the journal refuses it: another run has begun since, or this was done already",
      { op = OP, fenced = true })
  end
  what = what or "the journal cannot be written"
  return err.new("io", ("%s: %s"):format(what, message), {
    op = OP, full = kind == "full" or nil, readonly = kind == "readonly" or nil,
    corrupt = kind == "corrupt" or nil, busy = kind == "busy" or nil,
  })
end

---One of reading.
---@param message string
---@param kind string
---@return kavach.Error
function fault.reading(message, kind)
  return fault.of(message, kind,
    kind == "corrupt" and "the journal is damaged" or "the journal cannot be read")
end

---@param kind string of kavach.err
---@param message string
---@param fields? table
---@return nil
---@return kavach.Error
function fault.fail(kind, message, fields)
  fields = fields or {}
  fields.op = OP
  return err.fail(kind, message, fields)
end

return fault
