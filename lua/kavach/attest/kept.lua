--- Certificates that were fetched earlier (kavach certs fetch), for evidence that came without
--- them. They are as little trusted as those that come with evidence. Never touches the network.

local kds_request = require "kavach.attest.kds_request"
local snp = require "kavach.snp"

local M = {}

---@class kavach.Kept
local Kept = {}
Kept.__index = Kept

---@param dir? string the cache's; its usual place if nil
---@return kavach.Kept
function M.new(dir)
  return setmetatable({ dir = dir, found = {} }, Kept)
end

-- What there is for a report, by role.
local function look(self, request, now)
  return require("kavach.attest.kds").fetch {
    product = request.product, chip_id = request.chip_id, tcb = request.tcb, vlek = request.vlek,
    offline = true, cache_dir = self.dir, now = now,
  } or {}
end

local function key_of(request)
  return table.concat({ request.product, request.chip_id or "",
    request.tcb and ("%x"):format(snp.tcb_write(request.product, request.tcb)) or "" }, "/")
end

--- The certificates of evidence; and of its VCEK, ASK and ARK (or ASVK and ARK) those that it lacks
--- and the cache has.
---@param evidence kavach.Evidence
---@param product string? what the processor must be
---@param now integer seconds since 1970
---@return { role: string, der: string }[]
function Kept:certificates_of(evidence, product, now)
  local has = {}
  for _, certificate in ipairs(evidence.certificates) do has[certificate.role] = true end
  if has.vcek and has.ask or has.vlek and has.asvk or not evidence.report then
    return evidence.certificates
  end
  local request = kds_request.request_of(evidence.report, product or evidence.product)
  if not request then return evidence.certificates end
  local key = key_of(request)
  self.found[key] = self.found[key] or look(self, request, now)
  local all = table.move(evidence.certificates, 1, #evidence.certificates, 1, {})
  for _, role in ipairs { "vcek", "ask", "asvk", "ark" } do
    local item = self.found[key][role]
    if item and not has[role] then all[#all + 1] = { role = role, der = item.der } end
  end
  return all
end

return M
