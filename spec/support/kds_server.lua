--- A key server on this machine, for specs: it speaks the paths of AMD's (AMD 57230, chapter 4)
--- for platform emulators, or whatever a spec wants of any path. Nothing leaves the loopback.

local host = require "support.host"
local pem = require "kavach.attest.pem"
local process = require "kavach.process"

local M = {}

---@class KdsServer
---@field url string
---@field port integer
local Server = {}
Server.__index = Server

--- Whether there is what the server runs on.
function M.here()
  return (os.execute "lua5.4 -e 'require \"luv\"' >/dev/null 2>&1")
end

-- ---- plans -------------------------------------------------------------------------------------

local function literal(value)
  if type(value) ~= "table" then return ("%q"):format(value) end
  local out = {}
  for key, item in pairs(value) do
    out[#out + 1] = ("[%s]=%s"):format(literal(key), literal(item))
  end
  return "{" .. table.concat(out, ",") .. "}"
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- The query that goes with a TCB, written here as AMD's document has it.
local function query(product, tcb)
  local text = ("blSPL=%02d&teeSPL=%02d&snpSPL=%02d&ucodeSPL=%02d"):format(tcb.boot_loader,
    tcb.tee, tcb.snp, tcb.microcode)
  return product == "Turin" and ("fmcSPL=%02d&"):format(tcb.fmc) .. text or text
end

--- Where the server has an emulator's VCEK.
function M.vcek_path(platform)
  local id = platform.product == "Turin" and platform.chip_id:sub(1, 8) or platform.chip_id
  return ("/vcek/v1/%s/%s?%s"):format(platform.product, hex(id),
    query(platform.product, platform.tcb))
end

--- The answers that a key server has for an emulator: `options` are of its CRL.
---@param platform kavach.Emulator
---@param options table?
---@return table<string, table[]> by path
function M.answers(platform, options)
  local c, product = platform.certificates, platform.product
  local function body(bytes) return { { body = bytes } } end
  local crl = assert(platform:crl(options))
  return {
    [M.vcek_path(platform)] = body(c.vcek),
    [("/vcek/v1/%s/cert_chain"):format(product)] = body(pem.encode(c.ask) .. pem.encode(c.ark)),
    [("/vlek/v1/%s/cert_chain"):format(product)] = body(pem.encode(c.asvk) .. pem.encode(c.ark)),
    [("/vcek/v1/%s/crl"):format(product)] = body(crl),
    [("/vlek/v1/%s/crl"):format(product)] = body(crl),
  }
end

-- ---- a server ----------------------------------------------------------------------------------

--- Starts one with answers by path: see http_server.lua.
---@param ... table<string, table[]> later ones win
---@return KdsServer
function M.start(...)
  local plan = {}
  for _, answers in ipairs { ... } do
    for path, list in pairs(answers) do plan[path] = list end
  end
  local self = setmetatable({}, Server)
  self.folder, self.remove = host.folder()
  self.log = host.write(self.folder .. "/log", "")
  host.write(self.folder .. "/plan.lua", "return " .. literal(plan))
  self.process = assert(process.start({
    "lua5.4", "spec/support/http_server.lua", self.folder .. "/plan.lua", self.log,
  }, { stdin = "pipe", stderr = "inherit" }))
  self.port = assert(tonumber((self.process:read())), "the server did not start")
  self.url = ("http://127.0.0.1:%d"):format(self.port)
  return self
end

--- What was asked for, in order.
---@return string[]
function Server:requests()
  local list = {}
  for line in (host.slurp(self.log) or ""):gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

function Server:close()
  self.process:close()
  self.remove()
end
Server.__close = Server.close

return M
