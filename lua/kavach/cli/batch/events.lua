--- The events of a batch as JSON Lines: `--json`. The first, `begin`, has the schema's version;
--- each has `event` and `time_ms` (since 1970), and every field that its kind has, null where there
--- is no value. Text that is no UTF-8 is escaped, and stands exactly under NAME_base64.

local encoded = require "kavach.cli.batch.encoded"
local json = require "kavach.json"

local M = {}

local VERSION <const> = 1
local null <const> = json.null

-- What each kind has: text, which may be any bytes, and other values.
local KINDS <const> = {
  begin = { { "batch" }, { "total", "finished", "jobs", "epoch" } },
  total = { {}, { "total" } },
  started = { { "job", "tag", "command" }, { "seq", "attempt", "slot" } },
  ended = { { "job", "tag", "command", "reason" },
    { "seq", "attempt", "slot", "state", "retry_ms" } },
  skipped = { { "job", "reason" }, { "seq" } }, cancelled = { { "job", "reason" }, { "seq" } },
  paused = { {}, {} }, continued = { {}, {} }, jobs = { {}, { "jobs" } },
  draining = { { "why" }, {} }, cancelling = { { "why" }, {} },
  trouble = { { "message" }, {} }, warning = { { "message" }, {} },
  finished = { {}, { "counts", "duration_ms", "exit_code", "ending" } },
}

---@class kavach.batch.Events
local Events = {}
Events.__index = Events

--- `out` takes the lines; who reads them no more shows in its `on_lost`. Who makes more events than
--- are read should wait for it: `out:is_behind()`.
---@param options { out: kavach.batch.Writer }
---@return kavach.batch.Events
function M.open(options)
  return setmetatable({ out = options.out }, Events)
end

--- The JSON document of an event.
---@param e table
---@return table
function M.document(e)
  local kind = KINDS[e.event]
  if not kind then error("events: there is no event '" .. tostring(e.event) .. "'", 2) end
  local document = { event = e.event, time_ms = e.time_ns and e.time_ns // 1000000 or null }
  if e.event == "begin" then document.version = VERSION end
  for _, name in ipairs(kind[1]) do encoded.put(document, name, e[name]) end
  for _, name in ipairs(kind[2]) do
    local value = e[name]
    document[name] = value == nil and null or value
  end
  if e.event == "ended" then encoded.put_result(document, e.result) end
  return document
end

-- ---- text --------------------------------------------------------------------------------------
-- The documents of a kind have the same fields, so their order is found once. What this writes is
-- what kavach.json would, in a quarter of the time: there may be thousands in a second.

local orders = {}

local function order_of(document)
  local order = orders[document.event]
  if not order then
    order = {}
    for name in next, document do
      -- some documents have these beside what all have
      if not name:find "_base64$" then order[#order + 1] = name end
    end
    table.sort(order)
    orders[document.event] = order
  end
  return order
end

local function has_other_fields(document, order)
  local count = 0
  for _ in next, document do count = count + 1 end
  return count ~= #order
end

local function value_text(value)
  local kind = math.type(value) or type(value)
  if kind == "integer" then return ("%d"):format(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" and not value:find '[^ !#-%[%]-~]' then return '"' .. value .. '"' end
  return assert(json.encode(value))
end

local function text_of(document)
  local order, parts = order_of(document), {}
  if has_other_fields(document, order) then return assert(json.encode(document)) end
  for i, name in ipairs(order) do
    parts[i] = '"' .. name .. '":' .. value_text(document[name])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

---@param e table
function Events:event(e)
  if not self.out.lost then self.out:write(text_of(M.document(e)) .. "\n") end
end

--- The stream is the caller's.
function Events.close() end

Events.__close = Events.close

return M
