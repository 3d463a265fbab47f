--- The options of a batch: those of its jobs (rules.lua), and how it is run. What each means stands
--- in lua/kavach/meta/batch.lua.

local box = require "kavach.batch.box"
local check = require "kavach.check"
local rules = require "kavach.batch.rules"

local M = {}

local MOST_JOBS <const> = 100000
local MOST_COUNT <const> = 1 << 53

-- ---- halt --------------------------------------------------------------------------------------

local WHEN <const> = { soon = true, now = true }
local WHAT <const> = { fail = true, success = true, done = true }
local HALT <const> = "'soon' or 'now', then what and how many of it: 'soon,fail=1', "
  .. "'now,success=3', 'soon,done=10%'"

local function whole(text, most)
  local n = text and math.tointeger(tonumber(text))
  return n and n >= 1 and n <= most and n or nil
end

---When a batch ends early: "soon,fail=1" (running jobs finish), "now,fail=10%" (they are killed);
---also of success and done.
---@param text string|table
---@return { when: string, what: string, count: integer?, percent: integer? }|false|nil false: never
---@return string? must
function M.halt(text)
  if text == "never" or text == false then return false end
  local when, what, count, percent
  if type(text) == "table" then
    when, what, count, percent = text.when, text.what, text.count, text.percent
    count, percent = whole(count, MOST_COUNT), whole(percent, 100)
  elseif type(text) == "string" then
    local number, sign
    when, what, number, sign = text:match "^(%a+),(%a+)=(%d+)(%%?)$"
    if sign == "%" then percent = whole(number, 100) else count = whole(number, MOST_COUNT) end
  end
  if WHEN[when] and WHAT[what] and (count == nil) ~= (percent == nil) then
    return { when = when, what = what, count = count, percent = percent }
  end
  return nil, HALT
end

-- ---- rate --------------------------------------------------------------------------------------

local UNITS <const> = { s = 1000, m = 60000, h = 3600000, d = 86400000 }
local MOST_RATE <const> = 1000000
local RATE <const> = "how many jobs may start in a time: '10/s', '100/m', '3600/h', or a number: "
  .. "so many a second"

---How many jobs may start in which time: "10/s", "100/m", "3600/h"; a number: per second; or what
---this gave.
---@param value string|number|table
---@return { count: integer, per_ms: integer }?
---@return string? must
function M.rate(value)
  if type(value) == "table" then
    local count, per_ms = whole(value.count, MOST_RATE), whole(value.per_ms, MOST_COUNT)
    if count and per_ms then return { count = count, per_ms = per_ms } end
    return nil, RATE
  end
  local number, unit = value, "s"
  if type(value) == "string" then
    number, unit = value:match "^(%d+%.?%d*)/(%a)$"
    if not number then number, unit = value:match "^%d+%.?%d*$", "s" end
  end
  number = tonumber(number)
  local per_ms = UNITS[unit]
  if not number or not per_ms or not (number > 0 and number <= MOST_RATE) then return nil, RATE end
  local count = math.tointeger(number)
  if count then return { count = count, per_ms = per_ms } end
  -- A fraction: one in so long.
  return { count = 1, per_ms = math.max(1, math.floor(per_ms / number + 0.5)) }
end

-- ---- all of them -------------------------------------------------------------------------------

--- In the rules of kavach.check.
M.RULES = {
  name = { type = "string" }, -- what it may be, place.lua says
  jobs = { type = "integer", min = 1, max = MOST_JOBS },
  -- of all sandboxes that run
  memory_mb = { type = "integer", min = 1, max = MOST_COUNT },
  cpus = { type = "number", above = 0, max = MOST_JOBS },
  load = { type = "number", above = 0, max = MOST_JOBS },
  rate = { fn = M.rate },
  halt = { fn = M.halt },
  pool = { type = "integer", min = 1, max = 1000 }, -- sandboxes that are ready ahead
  results = rules.PATH, joblog = rules.PATH, junit = rules.PATH, report = rules.PATH,
}
for name, rule in next, rules.SHARED do M.RULES[name] = rule end

local GUEST <const> = {
  user = "says who runs jobs", reuse = "says that jobs share one",
  pool = "has sandboxes wait that jobs run",
}

---Checks the options of a batch and fills in the defaults.
---@param given table?
---@return table? checked what job.read takes as defaults
---@return string? message
function M.check(given)
  local checked, message = check.test(M.RULES, given, "batch")
  if not checked then return nil, message end
  checked.halt = checked.halt or nil
  if checked.sandbox == nil then checked.sandbox = {} end
  if checked.sandbox then
    local fine
    fine, message = box.check_all(checked.sandbox)
    if not fine then return nil, message end
  elseif checked.sandbox == false then
    for name, says in next, GUEST do
      if checked[name] then
        return nil, ("batch: %s %s in a guest, and sandbox = false has none"):format(name, says)
      end
    end
  end
  return checked
end

return M
