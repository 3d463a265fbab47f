--- From the words of `kavach run` to what a sandbox and a command are asked for.

local err = require "kavach.err"

local M = {}

local function wrong(message, ...)
  return err.fail("invalid_argument", message:format(...))
end

-- ---- pairs of paths ----------------------------------------------------------------------------

local function copies(texts, option, pattern, which)
  local list = {}
  for i, text in ipairs(texts) do
    local source, target = text:match(pattern)
    if not source then
      return wrong("%s '%s': expected SRC:DST, %s an absolute path in the guest", option, text,
        which)
    end
    list[i] = { source = source, target = target }
  end
  return list
end

-- ---- all of it ---------------------------------------------------------------------------------

---@class kavach.run.settings
---@field program string "run", or which other command of the program it is
---@field sandbox table options of the sandbox
---@field command string|string[]
---@field exec table options of the command: cwd, user, env
---@field put table[]
---@field get table[]
---@field copy table options of both
---@field timeout_ms integer 0: none
---@field grace_ms integer
---@field max_output integer? nil: no cap on what is streamed
---@field json boolean
---@field log_json boolean steps are told as JSON lines
---@field tty boolean
---@field verbose boolean

---What the words say of the command itself.
---@param args table of lua-argparse
---@param program string
---@return kavach.run.settings?
---@return kavach.Error?
function M.command(args, program)
  local words = args.command
  if #words == 0 then return wrong("no command: see kavach %s --help", program) end
  if args.json and args.tty then return wrong "--tty and --json exclude each other" end
  if args.timeout == 0 then return wrong "--timeout: no time at all" end
  if args.workdir == "" then return wrong "--workdir: an empty path" end
  if args.user == "" then return wrong "--user: an empty name" end
  return {
    program = program,
    command = (#words == 1 and not args.separated) and words[1] or words,
    exec = { cwd = args.workdir, user = args.user },
    put = {}, get = {}, copy = {},
    timeout_ms = args.timeout or 0, grace_ms = args.grace or 2000,
    max_output = args.max_output,
    json = args.json or false, log_json = args.log_format == "json",
    tty = args.tty or false, verbose = args.verbose or false,
  }
end

---@param args table of lua-argparse
---@return kavach.run.settings?
---@return kavach.Error?
function M.read(args)
  local settings, why = M.command(args, "run")
  if not settings then return nil, why end
  settings.sandbox, why = require("kavach.cli.sandbox").read(args)
  if not settings.sandbox then return nil, why end
  settings.sandbox.name = args.name
  settings.put, why = copies(args.put, "--put", "^(.+):(/[^:]*)$", "DST")
  if not settings.put then return nil, why end
  settings.get, why = copies(args.get, "--get", "^(/[^:]*):(.+)$", "SRC")
  if not settings.get then return nil, why end
  settings.copy.max_bytes = args.max_copy
  if settings.sandbox.transport == "measured" then
    if #settings.put > 0 then return wrong "--put does not go with --transport measured" end
    settings.sandbox.measured =
      { command = settings.command, cwd = args.workdir, user = args.user }
  end
  return settings
end

return M
