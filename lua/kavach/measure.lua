--- Launch digests: what MEASUREMENT of a report will be for a guest that is launched with this
--- firmware, kernel and CPUs; and the ID block, which binds such a digest to its author.
---
---   local kavach = require "kavach"
---   local m = assert(kavach.measure { ovmf = "OVMF.amdsev.fd", kernel = "bzImage", vcpus = 4,
---     vcpu_type = "EPYC-v4" })
---   print(m)                                            -- in hex
---   local signed = assert(kavach.measure.id_block { digest = m.digest, id_key = "id.pem" })

local check = require "kavach.check"
local core = require "kavach.core"
local err = require "kavach.err"
local snp = require "kavach.snp"
local task = require "kavach.task"
local values = require "kavach.measure.values"

local M = {}

local MAX_VCPUS <const> = 4096
local DIGEST_SIZE <const> = 48

-- ---- CPUs ------------------------------------------------------------------------------------

--- QEMU's CPU models (target/i386/cpu.c) with their family, model and stepping; the versions of a
--- model differ in other things.
local MODELS = {
  { name = "EPYC", versions = 5, 23, 1, 2 },
  { name = "EPYC-Rome", versions = 5, 23, 49, 0 },
  { name = "EPYC-Milan", versions = 3, 25, 1, 1 },
  { name = "EPYC-Genoa", versions = 2, 25, 17, 0 },
  { name = "EPYC-Turin", versions = 1, 26, 0, 0 },
}

local cpu_types, cpu_type_names = {}, {}
local function add_type(name, model)
  cpu_types[name] = assert(snp.cpu_signature(model[1], model[2], model[3]))
  cpu_type_names[#cpu_type_names + 1] = name
end
for _, model in ipairs(MODELS) do
  add_type(model.name, model)
  for version = 1, model.versions do add_type(("%s-v%d"):format(model.name, version), model) end
end
add_type("EPYC-IBPB", MODELS[1])

--- The names that `vcpu_type` can have.
M.vcpu_types = cpu_type_names

local function known_type(name)
  if cpu_types[name] then return name end
  local nearest = check.nearest(name, cpu_type_names)
  return nil, ("a CPU model of QEMU, an EPYC, not '%s'%s"):format(name,
    nearest and (" (did you mean '%s'?)"):format(nearest) or "")
end

-- ---- values ----------------------------------------------------------------------------------

local VMMS = { qemu = "QEMU", ec2 = "ec2", gce = "gce" }
local function known_vmm(name)
  if VMMS[name:lower()] then return VMMS[name:lower()] end
  return nil, ("QEMU, ec2 or gce, not '%s'"):format(name)
end

local FILE = { type = "string", fn = values.path }
local OPTIONS = {
  mode = { enum = { "snp", "snp:ovmf-hash", "snp:svsm", "sev", "seves" }, default = "snp" },
  vmm = { type = "string", fn = known_vmm, default = "QEMU" },
  vcpus = { type = "integer", min = 0, max = MAX_VCPUS },
  vcpu_type = { type = "string", fn = known_type },
  vcpu_sig = { type = "integer", min = 0, max = 0xffffffff },
  vcpu_family = { type = "integer", min = 0, max = 270 },
  vcpu_model = { type = "integer", min = 0, max = 255 },
  vcpu_stepping = { type = "integer", min = 0, max = 15 },
  guest_features = { type = "integer", default = 1 },
  ovmf = { type = "string", fn = values.path, required = true },
  ovmf_hash = { type = "string", fn = values.bytes_of(DIGEST_SIZE) },
  kernel = FILE, initrd = FILE, append = { type = "string", fn = values.line },
  svsm = FILE, vars_file = FILE, vars_size = { type = "integer", min = 0, max = 1 << 32 },
  trace = "boolean",
}

-- ---- what fits together ------------------------------------------------------------------------

--- Fn0000_0001_EAX of the guest's CPUs, if it is given in one of three ways. Or nil and a message.
local function cpu_signature(options)
  local ways = (options.vcpu_type and 1 or 0) + (options.vcpu_sig and 1 or 0)
  local parts = { options.vcpu_family, options.vcpu_model, options.vcpu_stepping }
  local given = 0
  for _ in pairs(parts) do given = given + 1 end
  if given > 0 then ways = ways + 1 end
  if ways > 1 then
    return nil, "give one of vcpu_type, vcpu_sig, and vcpu_family with vcpu_model and vcpu_stepping"
  elseif given > 0 and given < 3 then
    return nil, "vcpu_family, vcpu_model and vcpu_stepping are needed together"
  elseif given == 3 then
    return snp.cpu_signature(table.unpack(parts))
  end
  return options.vcpu_sig or cpu_types[options.vcpu_type]
end

local function kernel_problem(options)
  for _, name in ipairs { "initrd", "append" } do
    if options[name] and options[name] ~= "" and not options.kernel then
      return name .. " needs a kernel: without one, nothing of it is measured"
    end
  end
end

local function svsm_problem(options)
  local svsm = options.mode == "snp:svsm"
  if options.vars_size and options.vars_file then return "give one of vars_size and vars_file" end
  if not svsm then
    for _, name in ipairs { "svsm", "vars_size", "vars_file" } do
      if options[name] then return name .. " is for mode snp:svsm only" end
    end
  elseif not options.svsm then
    return "svsm is required in mode snp:svsm"
  elseif not options.vars_size and not options.vars_file then
    return "vars_size or vars_file is required in mode snp:svsm"
  end
end

local function cpus_problem(options)
  if options.vcpus or options.mode == "sev" or options.mode == "snp:ovmf-hash" then return nil end
  return ("vcpus is required in mode %s"):format(options.mode)
end

local function size_of(file)
  local handle, why = core.file_open(file)
  local size = handle and handle:seek "end"
  if handle then handle:close() end
  if size then return size end
  return err.fail("io", why or ("%s: its size cannot be told"):format(file), { path = file })
end

--- Checks options for `start`. Returns them, or nil and a message.
---@param options table
---@return table?
---@return string? message
function M.plan(options)
  local plan, message = check.test(OPTIONS, options, "measure")
  if message then return nil, message end
  message = kernel_problem(plan) or svsm_problem(plan) or cpus_problem(plan)
  if message then return nil, "measure: " .. message end
  local signature
  signature, message = cpu_signature(plan)
  if message then return nil, "measure: " .. message end
  plan.vcpu_sig = signature
  plan.vcpu_type, plan.vcpu_family, plan.vcpu_model, plan.vcpu_stepping = nil, nil, nil, nil
  return plan
end

-- ---- measuring ---------------------------------------------------------------------------------

---@class kavach.Measurement
---@field digest string 48 bytes; 32 in the modes sev and seves
---@field mode string
---@field vcpu_sig integer?
---@field vmsa_bsp string? the page that the first CPU begins with
---@field vmsa_ap string? that of the others
---@field trace table[]? with `trace = true`: each page of the launch
local Measurement = {}
Measurement.__index = Measurement
M.class = Measurement -- by which the prompt knows its objects

--- The digest in lower-case hex, as reports are quoted.
function Measurement:hex() return snp.hex(self.digest) end
function Measurement:base64() return snp.base64(self.digest) end
Measurement.__tostring = Measurement.hex

--- Runs the parts of a job on other threads, and waits for them.
local function run(job)
  local parts = { job:work() }
  task.wait(function(done)
    local left = #parts
    for _, part in ipairs(parts) do
      core.work(part, job, function()
        left = left - 1
        if left == 0 then done() end
      end)
    end
  end)
end

--- Measures what `plan` returned. Files are read and hashed on other threads.
---@param plan table
---@return kavach.Measurement?
---@return kavach.Error?
function M.start(plan)
  local vars_file = plan.vars_file
  if vars_file then
    local size, why = size_of(vars_file)
    if not size then return nil, why end
    plan.vars_size, plan.vars_file = size, nil
  end
  local job, message, kind = snp.measure(plan)
  if job then
    run(job)
    local result
    result, message, kind = job:result()
    if result then
      result.mode, result.vcpu_sig = plan.mode, plan.vcpu_sig
      return setmetatable(result, Measurement)
    end
  end
  return err.fail(kind, message, { op = "measure" })
end

-- ---- the module --------------------------------------------------------------------------------

--- The ID block for a launch digest: see kavach.measure.id_block.
---@param options table
---@return kavach.IdBlock?
---@return kavach.Error?
function M.id_block(options)
  local id_block = require "kavach.measure.id_block"
  local plan, message = id_block.plan(options)
  if message then error(message, 2) end
  return id_block.sign(plan)
end

--- The launch digest of a guest that is launched so: OPTIONS above has the names.
---@param options table
---@return kavach.Measurement?
---@return kavach.Error?
local function measure(_, options)
  local plan, message = M.plan(options)
  if message then error(message, 2) end
  return M.start(plan)
end

return setmetatable(M, { __call = measure })
