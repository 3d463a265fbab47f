--- The files of a platform emulator: certificates (ROLE.pem), keys (ROLE.key, 0600), and a
--- manifest, in a directory (0700) that appears whole or not at all.

local core = require "kavach.core"
local err = require "kavach.err"
local file = require "kavach.file"
local json = require "kavach.json"
local lfs = require "lfs"
local pem = require "kavach.attest.pem"
local roles = require "kavach.attest.roles"
local snp = require "kavach.snp"
local tcb_of = require "kavach.attest.tcb"

local M = {}

local MANIFEST <const>, FORMAT <const>, VERSION <const> = "emulator.json", "kavach-emulator", 1
local FILE_MAX <const> = 64 * 1024
local CHIP_ID_SIZE <const> = 64

local function path_of(dir, name) return dir .. "/" .. name end

-- ---- writing -----------------------------------------------------------------------------------

local function taken(dir, how)
  return err.fail("invalid_argument",
    ("%s %s: an emulator is made in a directory that is new or empty"):format(dir, how),
    { path = dir })
end

--- Whether nothing is in the way of a new emulator: an empty directory is not.
---@param dir string
---@return boolean?
---@return kavach.Error?
function M.check_free(dir)
  local mode = lfs.symlinkattributes(dir, "mode")
  if not mode then return true end
  if mode ~= "directory" then return taken(dir, "is there already, and no directory") end
  if lfs.symlinkattributes(path_of(dir, MANIFEST)) then
    return taken(dir, "has an emulator already")
  end
  local ok, iterate, state = pcall(lfs.dir, dir)
  if not ok then return err.fail("io", tostring(iterate), { path = dir }) end
  for name in iterate, state do
    if name ~= "." and name ~= ".." then return taken(dir, "is not empty") end
  end
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

--- What save writes, by name.
local function contents_of(emulator)
  local manifest, why = manifest_of(emulator)
  if not manifest then return nil, why end
  local contents = { [MANIFEST] = manifest .. "\n" }
  for _, role in ipairs(roles.ALL) do
    contents[role .. ".key"] = emulator.keys[role]
    contents[role .. ".pem"] = pem.encode(emulator.certificates[role])
  end
  return contents
end

local function write_into(dir, contents)
  local ok, message, kind = core.private_directory(dir)
  for name, text in pairs(contents) do
    if not ok then break end
    ok, message, kind = core.private_file(path_of(dir, name), text)
  end
  if ok then return true end
  return err.fail(kind, message, { path = dir })
end

local function remove(dir, contents)
  for name in pairs(contents) do os.remove(path_of(dir, name)) end
  lfs.rmdir(dir)
end

--- Writes it all beside the directory, and moves it there: two that make one at once do not mix
--- theirs, and one that is interrupted leaves nothing that could be opened.
---@param emulator kavach.Emulator
---@return boolean?
---@return kavach.Error?
function M.save(emulator)
  local contents, why = contents_of(emulator)
  if not contents then return nil, why end
  local dir = #emulator.dir > 1 and emulator.dir:gsub("/+$", "") or emulator.dir
  local made = ("%s.%s"):format(dir, snp.hex(snp.random(8)))
  local ok
  ok, why = write_into(made, contents)
  if ok then
    local moved, message = os.rename(made, dir)
    if moved then return true end
    why = select(2, err.fail("io", ("cannot make %s: %s"):format(dir, message), { path = dir }))
  end
  remove(made, contents)
  return nil, why
end

-- ---- reading -----------------------------------------------------------------------------------

local function read(dir, name)
  local text, message = file.read(path_of(dir, name), FILE_MAX)
  if not text then
    return err.fail("io", ("no platform emulator in %s: %s"):format(dir, message), { path = dir })
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
  if type(m.tcb) ~= "table" then return "has no tcb" end
  local problem = tcb_of.problem(m.product, m.tcb)
  if problem then return problem end
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

--- The key of a role, which must be the one that its certificate is for.
local function load_key(dir, role, certificate)
  local name = role .. ".key"
  local key, why = read(dir, name)
  if not key then return nil, why end
  local ok, message = snp.emulate_key_check(role, key, certificate)
  if not ok then return bad(dir, name, message) end
  return key
end

--- Reads what save wrote.
---@param dir string
---@return table?
---@return kavach.Error?
function M.load(dir)
  local emulator, why = load_manifest(dir)
  if not emulator then return nil, why end
  for _, role in ipairs(roles.ALL) do
    local certificate, key
    certificate, why = load_certificate(dir, role)
    if not certificate then return nil, why end
    key, why = load_key(dir, role, certificate)
    if not key then return nil, why end
    emulator.certificates[role], emulator.keys[role] = certificate, key
  end
  return emulator
end

return M
