--- From the words of `kavach batch` to a batch, and its run.

local batches = require "kavach.batch"
local err = require "kavach.err"
local source = require "kavach.cli.batch.source"
local spec = require "kavach.batch.spec"

local M = {}

-- ---- what the command line says of the batch --------------------------------------------------

-- Options of sandboxes that processes have, too; and of all commands.
local OF_JOBS <const> = {
  ["--env"] = true, ["--env-file"] = true, ["--grace"] = true, ["--log-format"] = true,
  ["--json"] = true,
}

-- Those options of the sandbox that are given: a script's stay as they are where none is.
local function sandbox_of(args)
  local box, why = require("kavach.cli.sandbox").read(args)
  if not box then return nil, why end
  if not args.cold then box.template = nil end
  if not args.keep then box.keep = nil end
  if #box.mounts == 0 then box.mounts = nil end
  -- Those of the job: plain ones have them, too.
  box.env, box.grace_ms, box.max_output = nil, nil, nil
  return box
end

-- The first option of sandboxes that is given, as it is given.
local function sandbox_option(args)
  local options, sandbox = require "kavach.cli.options", require "kavach.cli.sandbox"
  for _, option in ipairs(options.parser("", sandbox.configure)._options) do
    local name = option._aliases[#option._aliases]
    local value = args[name:sub(3):gsub("-", "_")]
    local is_given = value and (type(value) ~= "table" or next(value) ~= nil)
    if is_given and not OF_JOBS[name] then return name end
  end
end

local function overrides_of(args)
  local given = {
    name = args.name, jobs = args.jobs, retries = args.retries,
    retry_delay_ms = args.retry_delay, timeout_ms = args.timeout, grace_ms = args.grace,
    halt = args.halt, rate = args.rate, load = args.load, memory_mb = args.total_memory,
    cpus = args.total_cpus, pool = args.pool, reuse = args.reuse, cwd = args.workdir,
    user = args.user, max_output = args.max_output, results = args.results, joblog = args.joblog,
    junit = args.junit, report = args.report,
  }
  local box, why = sandbox_of(args)
  if not box then return nil, why end
  if args.no_sandbox then
    local option = args.reuse and "--reuse" or args.pool and "--pool"
      or args.user and "--user" or sandbox_option(args)
    if option then
      return err.fail("invalid_argument",
        ("%s is about sandboxes, and --no-sandbox has none"):format(option))
    end
    given.sandbox = false
  elseif next(box) then
    given.sandbox = box
  end
  given.env, why = require("kavach.cli.sandbox").environment(args)
  if not given.env then return nil, why end
  if not next(given.env) then given.env = nil end
  return given
end

-- A name for a batch that was given none: nobody else has it.
local function own_name()
  return ("%s-%d"):format(os.date "%Y%m%d-%H%M%S", require("kavach.core").getpid())
end

-- ---- a batch ----------------------------------------------------------------------------------

local function from_inputs(args, given, stdin)
  local from, why = source.read(args, stdin)
  if not from then
    if err.is(why) then return nil, nil, why end
    return nil, why
  end
  for key, value in next, from.options do given[key] = value end
  given.name = given.name or own_name()
  local fine, batch = pcall(batches.overriding, given, function() return batches.new {} end)
  if not fine then return nil, (tostring(batch):gsub("^[^\n]-:%d+: ", ""):gsub("^batch: ", "")) end
  batch:generate(from.next)
  batch.origin = { form = "command" }
  if from.stdin then batch.input = stdin end
  batch.prints = true
  return batch
end

local function from_script(args, given)
  if not args.file then return nil, "a script is needed, or --command and inputs" end
  local batch, why = require("kavach.cli.batch.script").load(args.file, args.arguments, given)
  if not batch then return nil, nil, why end
  if not batch.name then
    return nil, nil, err.new("invalid_argument",
      args.file .. ": the batch has no name: kavach.batch{ name = … }, or --name")
  end
  return batch
end

---What is asked for: a batch, and how it is to be run.
---@param args table of lua-argparse
---@param stdin kavach.batch.input? nil: this process's
---@return table? asked { batch, args }
---@return string? message of misuse
---@return kavach.Error?
function M.read(args, stdin)
  if args.resume and args.replace then return nil, "--resume and --replace exclude each other" end
  if (args.changed or args.failed) and not args.resume then
    return nil, (args.changed and "--changed" or "--failed") .. " is for --resume"
  end
  local given, why = overrides_of(args)
  if not given then return nil, why.message end
  local batch, message
  if source.wants(args) then
    if args.resume and not stdin then
      return nil, "a batch without a script is resumed with kavach batch resume NAME"
    end
    stdin = stdin or require("kavach.batch.input").new(require("kavach.stream").stdin())
    batch, message, why = from_inputs(args, given, stdin)
  else
    batch, message, why = from_script(args, given)
  end
  if not batch then return nil, message, why end
  batch.origin.words = spec.pack(args.words)
  batch.origin.cwd = spec.pack(require("lfs").currentdir())
  return { batch = batch, args = args }
end

---Runs it.
---@param asked table of read
---@param handlers table of kavach.cli.batch.signals
---@return integer? exit_code
---@return kavach.Error?
function M.run(asked, handlers)
  local batch, args = asked.batch, asked.args
  local watchers <close>, why = require("kavach.cli.batch.watchers").open(batch, args)
  if not watchers then return nil, why end
  local summary
  summary, why = batch:run {
    resume = args.resume, replace = args.replace, changed = args.changed, failed = args.failed,
    is_behind = function() return watchers:is_behind() end,
    observe = function(event) watchers:event(event) end,
    on_ready = function(schedule)
      watchers:attend(schedule)
      handlers:attend(schedule)
    end,
  }
  if not summary then return nil, why end
  return watchers:finish(summary)
end

return M
