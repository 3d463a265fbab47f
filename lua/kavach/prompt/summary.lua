--- What the prompt says of kavach's own objects, and of two of its tables.
---
--- An object is known by its class, which is its metatable: a name in a metatable can be anybody's.
--- What a field holds can be anybody's, too: fields are read raw, and text of them is escaped. A
--- summary never waits, and one that fails is none: the object is shown as the table that it is.

local M = {}

local getmetatable <const> = debug.getmetatable

-- By the module whose `class` it is: where its summary is, and under which name.
local KINDS <const> = {
  { module = "kavach.err", part = "live", name = "error" },
  { module = "kavach.sandbox", part = "live", name = "sandbox" },
  { module = "kavach.process", part = "live", name = "process" },
  { module = "kavach.task.scheduler", part = "live", name = "task" },
  { module = "kavach.batch", part = "live", name = "batch" },
  { module = "kavach.sandbox.pool", part = "live", name = "pool" },
  { module = "kavach.report", part = "attested", name = "report" },
  { module = "kavach.guest_policy", part = "attested", name = "guest_policy" },
  { module = "kavach.measure", part = "attested", name = "measurement" },
  { module = "kavach.attest.evidence", part = "attested", name = "evidence" },
  { module = "kavach.attest.decision", part = "attested", name = "decision" },
  { module = "kavach.attest.policy", part = "attested", name = "policy" },
}

local function kind_of(value)
  local class = type(value) == "table" and getmetatable(value)
  if not class then return nil end
  for _, kind in ipairs(KINDS) do
    -- What is not loaded has made no objects.
    local module = rawget(package.loaded, kind.module)
    if type(module) == "table" and rawequal(rawget(module, "class"), class) then return kind end
  end
end

local function call(kind, form, value, options)
  local about = require("kavach.prompt.summary." .. kind.part)[kind.name]
  local tell = about[form]
  if not tell then return nil end
  local fine, text = pcall(tell, value, options)
  if fine and type(text) == "string" then return text, about.style end
end

--- What is said of an object within other things: one line of visible text, and its colour. nil if
--- it is no object of kavach's.
---@param value any
---@return string?
---@return string? style
function M.line(value)
  local kind = kind_of(value)
  if not kind then return nil end
  local text, style = call(kind, "line", value)
  return text, style or "object"
end

--- The line of an error of kavach; nil of anything else.
---@param value any
---@return string?
---@return string? style
function M.failure(value)
  local kind = kind_of(value)
  if kind and kind.name == "error" then return call(kind, "line", value) end
end

---@class kavach.prompt.Summary
---@field text string lines
---@field blocks { name: string, text: string }[]? texts as they came, to be shown beneath

--- What is said of a value that stands alone; nil if it is nothing that is known.
---@param value any
---@param options { columns: integer, colour: boolean, paint: fun(text: string, name: string?):
--- string }
---@return kavach.prompt.Summary?
function M.of(value, options)
  if type(value) ~= "table" then return nil end
  local kind = kind_of(value)
  if kind then
    local lines = call(kind, "text", value, options)
    if lines then return { text = lines } end
    local text, style = call(kind, "line", value)
    return text and { text = options.paint(text, style or "object") } or nil
  end
  local fine, about = pcall(require("kavach.prompt.summary.shapes").of, value, options)
  return fine and about or nil
end

return M
