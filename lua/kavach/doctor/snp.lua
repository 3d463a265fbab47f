-- What SEV-SNP guests need of this host. One look, shared by the rows; where something is missing,
-- each row tells its own part.

local row = require "kavach.doctor.row"
local snp = require "kavach.sandbox.snp"

local M = {}

---@param seen kavach.doctor.seen
---@return kavach.snp.found
local function look(seen)
  seen.snp = seen.snp or seen.look_snp and seen.look_snp()
    or snp.look({}, true, seen.snp_machine)
  return seen.snp
end

-- The row of a need: what it lacks, or what is found of it.
local function of(need, seen, found)
  local lack = look(seen).missing[need]
  if not lack then return row.ok(found(seen.snp)) end
  return row.missing(lack.found, { command = lack.command, advice = lack.advice })
end

---@param seen kavach.doctor.seen
M["snp-cpu"] = function(seen)
  return of("cpu", seen, function() return "the processor has SEV-SNP" end)
end

M["snp-kvm"] = function(seen)
  return of("kvm", seen, function() return "KVM can run SNP guests" end)
end

M["snp-firmware"] = function(seen)
  return of("device", seen, function(found)
    local status = found.status
    return ("/dev/sev: ABI %d.%d, build %d, TCB 0x%016x"):format(status.api_major,
      status.api_minor, status.build, status.reported_tcb)
  end)
end

M["snp-qemu"] = function(seen)
  return of("qemu", seen, function(found)
    return ("%s speaks the dialect %s"):format(found.qemu.path, found.dialect)
  end)
end

M["snp-ovmf"] = function(seen)
  return of("firmware", seen, function(found)
    return found.firmware .. " has room for the kernel's hashes"
  end)
end

M["snp-policy"] = function(seen)
  local found = look(seen)
  if not found.status then
    return row.missing("nothing is known of the firmware", { advice = "see snp-firmware" })
  end
  return of("policy", seen, function()
    return ("the firmware takes the guest policy 0x%x"):format(
      snp.policy({}, found.dialect or "upstream"))
  end)
end

-- ASIDs number the keys of encrypted guests; those below MinSevNoEsAsid are for SEV-ES and SEV-SNP
-- (AMD64 APM volume 3, appendix E, Fn8000_001F ECX and EDX).
M["snp-asids"] = function(seen)
  local found = look(seen)
  local cpu = found.cpu
  if not cpu.snp then return row.missing "the processor has none" end
  local all = math.max(math.min(cpu.sev_from - 1, cpu.guests), 0)
  local left = math.max(all - (found.status and found.status.guests or 0), 0)
  local text = found.status and ("%d of %d left for SNP guests"):format(left, all)
    or ("%d for SNP guests"):format(all)
  if left > 0 then return row.ok(text) end
  local more = "raise the number of SEV-ES guests in the firmware's setup (SEV-ES ASID space limit)"
  return row.missing(text, { advice = all > 0 and "stop guests that run, or " .. more or more })
end

M["sev-snp"] = function(seen)
  local found, names = look(seen), {}
  for _, need in ipairs(snp.NEEDS) do
    if found.missing[need.name] then names[#names + 1] = need.row end
  end
  if #names > 0 then
    return row.missing("does not work here", { advice = "see " .. table.concat(names, ", ") })
  end
  if seen.wanted == "sev-snp" or seen.wanted == "auto" then seen.backend = "sev-snp" end
  return row.ok "all that it needs is there"
end

return M
