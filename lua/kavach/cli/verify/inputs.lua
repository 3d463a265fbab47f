--- What it takes to judge evidence: the options that say so, and what they name.

local M = {}

-- ---- options -----------------------------------------------------------------------------------

local function nonce(text)
  if #text ~= 128 then
    return nil, ("a nonce is 64 bytes: 128 hex digits, not %d"):format(#text)
  end
  return require("kavach.snp").unhex(text)
end

local function data(text)
  local name, path = text:match "^([%a_][%w_]*)=(.+)$"
  if name then return { name = name, path = path } end
  return nil, ("'%s' is not NAME=FILE, where NAME has letters, digits and _"):format(text)
end

local function now(text)
  return require("kavach.attest.when").parse(text)
end

--- Adds --data.
function M.configure_data(parser)
  parser:option("--data", "Data for the rules of a policy in Lua: a file of JSON, by the name that "
    .. "they have for it."):argname "NAME=FILE":count "*":convert(data)
end

--- Adds the options of who judges evidence.
function M.configure(parser)
  M.configure_data(parser)
  parser:option("--nonce", "The 64 bytes that the report must answer."):argname "HEX":convert(nonce)
  parser:option("--now", "The time to verify at: seconds since 1970, or RFC 3339 (the clock's)."
    ):argname "TIME":convert(now)
  parser:option("--trust-root", "Trust this certificate, beside AMD's roots."):argname "CERT"
    :count "*"
  parser:option("--crl", "Check against this revocation list, too."):argname "FILE":count "*"
  parser:option("--product", "The processor must be milan, genoa or turin."):argname "NAME"
    :convert(function(name) return require("kavach.attest.tcb").product(name) end)
  parser:option("--emulator", "Trust the platform emulator in this directory, as far as the "
    .. "policy allows simulated evidence."):argname "DIR"
end

--- Adds --decision-log.
function M.configure_log(parser)
  parser:option("--decision-log", "Add each decision to this file, as a line of JSON, before it "
    .. "is printed."):argname "FILE"
end

-- ---- policies ----------------------------------------------------------------------------------

local function is_script(name) return name:find "%.lua$" ~= nil end

--- Whether a policy's name is that of a file; else it is a built-in one's.
function M.is_file(name) return name:find "[/.]" ~= nil end

--- The files of --data by name; or nil and a message if a name is there twice, or they are for
--- nothing.
---@param args table
---@param policies string[] names, of which one may be a script
---@return table<string, string>?
---@return string? message
function M.data(args, policies)
  local files, scripts = {}, 0
  for _, one in ipairs(args.data) do
    if files[one.name] then return nil, ("--data: there are two of '%s'"):format(one.name) end
    files[one.name] = one.path
  end
  for _, name in ipairs(policies) do
    if is_script(name) then scripts = scripts + 1 end
  end
  if next(files) and scripts == 0 then
    return nil, "--data is for the rules of a policy in Lua, in a file that ends in .lua"
  end
  return files
end

--- What is named like a file is one; else a built-in policy of that name.
---@param name string
---@param files table<string, string> of `data`
---@return kavach.Policy?
---@return kavach.Error?
function M.policy(name, files)
  local policies = require "kavach.attest.policy"
  if not M.is_file(name) then return policies.named(name) end
  return policies.load(name, is_script(name) and { data = files } or nil)
end

-- ---- trust -------------------------------------------------------------------------------------

-- The bytes of files that hold `field`, or nil and an error that names the file.
local function read_files(paths, what, field)
  local err, evidence = require "kavach.err", require "kavach.attest.evidence"
  local out = {}
  for i, path in ipairs(paths) do
    local bytes, why = evidence.read(path)
    if not bytes then return nil, err.wrap(why, what) end
    local parts, message = require("kavach.snp").recognise(bytes)
    if parts and #(parts[field] or "") == 0 then message = "there is none in it" end
    if message then
      return err.fail("invalid_argument", ("%s: %s: %s"):format(what, path, message))
    end
    out[i] = bytes
  end
  return out
end

local function read_trust(args)
  local roots, crls, emulator, why
  roots, why = read_files(args.trust_root, "--trust-root", "certificates")
  if roots then crls, why = read_files(args.crl, "--crl", "crls") end
  if crls and args.emulator then
    emulator, why = require("kavach.attest.emulator").open(args.emulator)
  end
  if why then return nil, why end
  return require("kavach.attest.trust").new {
    roots = roots, crls = crls, emulator = emulator, cache = true,
  }
end

--- Options for all evidence; or nil and an error.
---@param args table
---@return kavach.VerifyOptions?
---@return kavach.Error?
function M.options(args)
  local trust, why = read_trust(args)
  if not trust then return nil, why end
  return { trust = trust, nonce = args.nonce, now = args.now, product = args.product }
end

-- ---- answers -----------------------------------------------------------------------------------

M.EXITS = { allowed = 0, undecided = 1, denied = 2 }

--- Whether standard output is to be coloured.
function M.wants_color()
  local no_color = os.getenv "NO_COLOR"
  return (no_color == nil or no_color == "") and require("kavach.core").isatty(1)
end

--- A function that logs decisions, as --decision-log says; it raises what keeps it from that. Nil
--- and an error if the log cannot be opened.
---@param args table
---@return fun(decision: kavach.Decision)?
---@return kavach.Error?
function M.logger(args)
  if not args.decision_log then return function() end end
  local log, why = require("kavach.attest.decision_log").open(args.decision_log)
  if not log then return nil, why end
  return function(decision)
    local ok, failure = log:write(decision)
    if not ok then error(failure, 0) end
  end
end

return M
