--- What the commands share that steer a batch which runs: they ask its process over the control
--- socket.

local err = require "kavach.err"

local M = {}

-- An answer is a matter of milliseconds; a process that is stopped gives none.
local ANSWER_MS <const> = 5000

local function fail(message, ...)
  return err.fail("invalid_argument", message:format(...))
end

-- The process that runs the batch, as control sockets are called.
local function runner(name)
  local where, why = require("kavach.batch.place").existing(name)
  if not where then return nil, why end
  local reader <close>, trouble = require("kavach.batch.journal").reader(where.db)
  if not reader then return nil, trouble end
  local runs = reader:runs()
  local last = runs[#runs]
  local host = last and ("%d-%s"):format(last.pid, last.start)
  if not last or last.ended_ns or not require("kavach.sandbox.control.hosts").alive(host) then
    return fail("batch '%s' does not run: kavach batch resume %s goes on with it", name, name)
  end
  return host
end

---Asks the process that runs a batch.
---@param name string
---@param method string
---@param ... table params
---@return table? result of the last
---@return kavach.Error?
function M.ask(name, method, ...)
  local host, why = runner(name)
  if not host then return nil, why end
  local client = require "kavach.sandbox.control.client"
  local connection <close>, trouble = client.connect(host)
  if not connection then return nil, trouble end
  local result
  for _, params in ipairs { ... } do
    params.name = name
    result, why = client.ask(connection, method, params, ANSWER_MS)
    if not result then return nil, why end
  end
  return result
end

---A command of that kind.
---@param about { summary: string, description: string, epilog: string, configure?: fun(parser),
--- order: fun(args: table): string, table }
---@return table command of kavach.cli
function M.command(about)
  return {
    summary = about.summary,
    configure = function(parser)
      parser.interleaved = true
      parser:description(about.description)
      parser:argument("name", "The batch, as kavach batch list shows it.")
      if about.configure then about.configure(parser) end
      parser:epilog(about.epilog)
    end,
    tells_failure = true,
    run = function(args)
      local result, why = M.ask(args.name, about.order(args))
      if not result then return nil, why end
      if args.json then
        io.stdout:write(require("kavach.json").encode { version = 1, batch = args.name }, "\n")
      end
      return 0
    end,
  }
end

return M
