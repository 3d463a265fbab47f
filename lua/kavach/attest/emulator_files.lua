--- The files of a platform emulator: certificates (ROLE.pem), keys (ROLE.key, 0600), and a
--- manifest, which is written last and without which there is no emulator.

local core = require "kavach.core"
local err = require "kavach.err"
local json = require "kavach.json"
local lfs = require "lfs"
local pem = require "kavach.attest.pem"
local snp = require "kavach.snp"
local tcb_of = require "kavach.attest.tcb"

local M = {}

local MANIFEST <const>, FORMAT <const>, VERSION <const> = "emulator.json", "kavach-emulator", 1
local ROLES <const> = { "ark", "ask", "asvk", "vcek", "vlek" }
local FILE_MAX <const> = 64 * 1024
local CHIP_ID_SIZE <const> = 64

local function path_of(dir, name) return dir .. "/" .. name end

--- Makes the directory. Refuses to write over what is there.
---@param dir string
---@return boolean?
---@return kavach.Error?
function M.prepare(dir)
  local names = { MANIFEST }
  for _, role in ipairs(ROLES) do
    names[#names + 1] = role .. ".pem"
    names[#names + 1] = role .. ".key"
  end
  for _, name in ipairs(names) do
    if lfs.symlinkattributes(path_of(dir, name)) then
      return err.fail("invalid_argument", ("%s is there already; use another directory"):format(
        path_of(dir, name)), { path = dir })
    end
  end
  local ok, message, kind = core.private_directory(dir)
  if not ok then return err.fail(kind, message, { path = dir }) end
  return true
end

local function manifest_of(emulator)
  return json.encode {
    format = FORMAT, version = VERSION, simulated = true,
    note = "Simulated: these keys are no AMD processor's. Nothing that they sign is confidential.",
    made_by = "kavach " .. core.version, product = emulator.product, tcb = emulator.tcb,
    chip_id = snp.hex(emulator.chip_id), csp_id = emulator.csp_id,
    not_before = emulator.not_before,
  }
end

--- Writes it all, the manifest last.
---@param emulator kavach.Emulator
---@return boolean?
---@return kavach.Error?
function M.save(emulator)
  local manifest, why = manifest_of(emulator)
  if not manifest then return nil, why end
  local function write(name, text)
    local ok, message, kind = core.private_file(path_of(emulator.dir, name), text)
    if ok then return true end
    return err.fail(kind, message, { path = emulator.dir })
  end
  for _, role in ipairs(ROLES) do
    local ok
    ok, why = write(role .. ".key", emulator.keys[role])
    if not ok then return nil, why end
    ok, why = write(role .. ".pem", pem.encode(emulator.certificates[role]))
    if not ok then return nil, why end
  end
  return write(MANIFEST, manifest .. "\n")
end

local function read(dir, name)
  local f, message = io.open(path_of(dir, name), "rb")
  local text = f and f:read(FILE_MAX + 1)
  if f then f:close() end
  if not text then
    return err.fail("io", ("no platform emulator in %s: %s"):format(dir,
      message or name .. " cannot be read"), { path = dir })
  end
  if #text > FILE_MAX then
    return err.fail("io", ("%s has more than %d bytes"):format(path_of(dir, name), FILE_MAX))
  end
  return text
end

local function bad(dir, name, message)
  return err.fail("invalid_argument", ("%s: %s"):format(path_of(dir, name), message),
    { path = dir })
end

--- Why a manifest is none of ours, or nil.
local function manifest_problem(m)
  if type(m) ~= "table" or m.format ~= FORMAT then return "not an emulator's manifest" end
  if m.version ~= VERSION then return "of another version than this kavach knows" end
  if m.simulated ~= true then return "does not say that it is simulated" end
  if type(m.product) ~= "string" or tcb_of.product(m.product) ~= m.product then
    return "has no known product"
  end
  if type(m.tcb) ~= "table" or not pcall(snp.tcb_write, m.product, m.tcb) then
    return "has no sound tcb"
  end
  if type(m.csp_id) ~= "string" or math.type(m.not_before) ~= "integer" then
    return "lacks csp_id or not_before"
  end
end

local function load_manifest(dir)
  local text, why = read(dir, MANIFEST)
  if not text then return nil, why end
  local m
  m, why = json.decode(text)
  if m == nil then return bad(dir, MANIFEST, why.message) end
  local problem = manifest_problem(m)
  local chip_id = not problem and type(m.chip_id) == "string" and snp.unhex(m.chip_id)
  if not problem and (not chip_id or #chip_id ~= CHIP_ID_SIZE) then problem = "has no chip_id" end
  if problem then return bad(dir, MANIFEST, problem) end
  return { dir = dir, product = m.product, simulated = true, tcb = m.tcb, chip_id = chip_id,
    csp_id = m.csp_id, not_before = m.not_before, certificates = {}, keys = {} }
end

--- The certificate of a role, which must be of that role and say that it is simulated.
local function load_certificate(dir, role)
  local name = role .. ".pem"
  local text, why = read(dir, name)
  if not text then return nil, why end
  local list, message = pem.decode(text)
  if not list then return bad(dir, name, message) end
  if #list ~= 1 or list[1].role ~= role then
    return bad(dir, name, ("not one certificate of an %s"):format(role:upper()))
  end
  if not snp.is_simulated(list[1].der) then
    return bad(dir, name, "this certificate does not say that it is simulated")
  end
  return list[1].der
end

--- Reads what save wrote.
---@param dir string
---@return table?
---@return kavach.Error?
function M.load(dir)
  local emulator, why = load_manifest(dir)
  if not emulator then return nil, why end
  for _, role in ipairs(ROLES) do
    emulator.certificates[role], why = load_certificate(dir, role)
    if not emulator.certificates[role] then return nil, why end
    emulator.keys[role], why = read(dir, role .. ".key")
    if not emulator.keys[role] then return nil, why end
  end
  return emulator
end

return M
