--- The jobs of a batch without a script: a command for each input, lines that are commands, or
--- JSON Lines.

local err = require "kavach.err"

local M = {}

-- ---- templates ---------------------------------------------------------------------------------

local function compile(text, what, options)
  local compiled, message = require("kavach.batch.template").compile(text, options)
  if compiled then return compiled end
  return nil, ("%s: %s"):format(what, message)
end

-- "SRC:DST" as two templates, so that a colon of a value is none of ours.
local function compile_put(text, options)
  local source, target = text:match "^(.+):(/[^:]*)$"
  local message
  local put = {}
  put.source, message = compile(source or text, "--put", options)
  if put.source and target then put.target, message = compile(target, "--put", options) end
  if message then return nil, message end
  return put
end

local function compile_all(about, inputs)
  local known = { columns = inputs.columns, count = inputs.count }
  local plain = { columns = inputs.columns, count = inputs.count, form = "text" }
  local made, message = { put = {}, get = {} }, nil
  if about.command then
    made.command, message = compile(about.command,
      type(about.command) == "string" and "--command" or "command", known)
  end
  if about.id and not message then made.id, message = compile(about.id, "--id", plain) end
  for i, text in ipairs(about.put or {}) do
    if not message then made.put[i], message = compile_put(text, plain) end
  end
  for i, text in ipairs(about.get or {}) do
    if not message then made.get[i], message = compile(text, "--get", plain) end
  end
  if message then return nil, message end
  return made
end

-- ---- jobs --------------------------------------------------------------------------------------

local function files_of(made, input)
  local put, get
  for i, each in ipairs(made.put) do
    put = put or {}
    put[i] = { source = each.source:expand(input, input),
      target = each.target and each.target:expand(input, input) }
  end
  for i, each in ipairs(made.get) do
    get = get or {}
    get[i] = each:expand(input, input)
  end
  return put, get
end

-- Gives jobs their ids: by their input, or as --id says.
local function naming(made, inputs)
  local ids = require "kavach.batch.inputs.ids"
  if not made.id then
    local number, whole = ids.numbering(), inputs.count == 1
    return function(input) return number(ids.text(input.values, whole)) end
  end
  local came_before = ids.once()
  return function(input)
    local id = made.id:expand(input, input)
    local before = came_before(id, input.seq)
    if not before then return id end
    return err.fail("invalid_argument",
      ("%s: --id gives it '%s', as input %d has it"):format(input.where, id:sub(1, 60), before))
  end
end

local function jobs_of(about, inputs)
  local made, message = compile_all(about, inputs)
  if not made then
    inputs:close()
    return nil, message
  end
  local name = naming(made, inputs)
  return function()
    local input, why = inputs:next()
    if not input then return nil, why end
    local id
    id, why = name(input)
    if not id then return nil, why end
    local put, get = files_of(made, input)
    local command = made.command and made.command:expand(input, input) or input.values[1]
    return { id = id, command = command, put = put, get = get }, input.where
  end
end

---@class kavach.batch.inputs.about
---@field jsonl string? the file of the jobs' tables; or
---@field command string|string[]|false|nil false: the inputs are commands
---@field inputs kavach.batch.inputs.from
---@field id string?
---@field put string[]?
---@field get string[]?

---Waits for the header, if there is to be one.
---@param about kavach.batch.inputs.about
---@param stdin? kavach.Stream in place of standard input
---@return (fun(): table?, string|kavach.Error|nil)? next
---@return fun()|string|kavach.Error|nil close or what is wrong: a message of misuse, or an error
function M.open(about, stdin)
  if about.jsonl then
    local lines, why = require("kavach.batch.inputs.jsonl").open(about.jsonl, stdin)
    if not lines then return nil, why end
    return function() return lines:next() end, function() lines:close() end
  end
  local inputs, why = require("kavach.batch.inputs").open(about.inputs, stdin)
  if not inputs then return nil, why end
  local next_job
  next_job, why = jobs_of(about, inputs)
  if not next_job then return nil, why end
  return next_job, function() inputs:close() end
end

return M
