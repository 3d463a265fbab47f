--- AMD's key server (KDS; AMD 57230, chapter 4): certificates and revocation lists by URL, checked
--- to be what was asked for, and kept in a cache.
---
--- That something came from a server or a cache does not make it genuine: a verifier decides that,
--- from the roots that it has.

local cache_of = require "kavach.attest.cache"
local check = require "kavach.check"
local err = require "kavach.err"
local http = require "kavach.attest.http"
local is_right = require "kavach.attest.kds_check"
local request_of = require "kavach.attest.kds_request"
local snp = require "kavach.snp"
local task = require "kavach.task"
local tcb_of = require "kavach.attest.tcb"

local M = {}

M.SERVER = "https://kdsintf.amd.com"

local TIMEOUT_MS <const>, BACKOFF_MS <const> = 120000, 1000

local function invalid(message, ...)
  return err.fail("invalid_argument", message:format(...), { op = "certs.fetch" })
end

-- ---- from the cache or the server --------------------------------------------------------------

--- Names in the cache end in what stands for the server, if it is not AMD's own: what a mirror says
--- is not taken for what AMD says.
local function name_of(self, ...)
  local parts = { ... }
  if self.server ~= M.SERVER then
    parts[#parts + 1] = snp.hex(snp.sha256(self.server)):sub(1, 16)
  end
  return table.concat(parts, "-")
end

--- What the cache has of `item`: { name=, url=, what=, check= }; nil and, if there is
--- something that cannot be used, why.
--- `check(bytes)` gives nil or what is wrong.
local function cached(self, item)
  local bytes, path = self.cache:get(item.name)
  if not bytes then return nil, path end
  local problem = item.check(bytes)
  if problem then return nil, problem end
  return { der = bytes, path = path, source = "cache", url = item.url }
end

--- What came from the server is good for now even where it cannot be kept: `on_unkept` is told.
local function store(self, item, bytes)
  local path, why = self.cache:put(item.name, bytes)
  if not path and self.on_unkept then self.on_unkept(item.what, why) end
  return { der = bytes, path = path, source = "server", url = item.url }
end

local function not_cached(item, problem)
  return invalid("offline, and the cache has no %s%s", item.what,
    problem and (" that can be used (%s)"):format(problem) or "")
end

local function explain(why, item)
  if why.status == 404 then
    return err.new("io", ("%s: the key server knows no %s"):format(item.url, item.what),
      { op = "certs.fetch", url = item.url, status = 404 })
  end
  return why
end

local function download(self, item)
  local body, why = http.get(item.url, self)
  if not body then return nil, explain(why, item) end
  return body
end

local function wrong(item, problem)
  return err.fail("attestation_failed", ("%s: what came is not the %s asked for: %s"):format(
    item.url, item.what, problem), { op = "certs.fetch", url = item.url })
end

--- One thing in DER. With `fresh`, the cache is not looked into.
local function obtain(self, item, fresh)
  local found, problem
  if not fresh then found, problem = cached(self, item) end
  if found then return found end
  if self.offline then return not_cached(item, problem) end
  local body, why = download(self, item)
  if not body then return nil, why end
  problem = item.check(body)
  if problem then return wrong(item, problem) end
  return store(self, item, body)
end

--- The ASK or ASVK with its ARK: two in PEM from the server, each by itself in the cache. With
--- `fresh`, the cache is not looked into.
local function obtain_chain(self, product, kind, fresh)
  local role = kind == "vlek" and "asvk" or "ask"
  local url = request_of.chain_url(self.server, product, kind)
  local items, found, problem = {}, {}, nil
  for _, name in ipairs { "ark", role } do
    items[name] = {
      name = name_of(self, name, product), url = url, what = name:upper() .. " of " .. product,
      check = function(der) return is_right.authority(der, name, product, found.ark, self.now) end,
    }
    if not fresh then
      local item, why = cached(self, items[name])
      if item then found[name] = item.der end
      items[name].found, problem = item, problem or why
    end
  end
  if items.ark.found and items[role].found then return items.ark.found, items[role].found, role end
  if self.offline then
    local _, why = not_cached({ what = ("chain of %s"):format(product) }, problem)
    return nil, why
  end
  local body, why = download(self, { url = url, what = "chain of " .. product })
  if not body then return nil, why end
  local chain
  chain, problem = is_right.chain(body, role, product, self.now)
  if not chain then
    local _, mistaken = wrong({ url = url, what = "chain of " .. product }, problem)
    return nil, mistaken
  end
  return store(self, items.ark, chain.ark), store(self, items[role], chain[role]), role
end

local function obtain_vcek(self, request, fresh)
  return obtain(self, {
    name = name_of(self, "vcek", request.product, snp.hex(request_of.hwid_of(request)),
      ("%016x"):format(snp.tcb_write(request.product, request.tcb))),
    url = request_of.vcek_url(self.server, request), what = "VCEK",
    check = function(der)
      return is_right.vcek(der, request.product, request_of.hwid_of(request), request.tcb, self.now)
    end,
  }, fresh)
end

local function obtain_crl(self, request, ark)
  local kind = request.vlek and "vlek" or "vcek"
  return obtain(self, {
    name = name_of(self, "crl", kind, request.product),
    url = request_of.crl_url(self.server, request.product, kind),
    what = "revocation list of " .. request.product,
    check = function(der) return is_right.crl(der, request.product, ark.der, self.now) end,
  })
end

-- ---- the whole -------------------------------------------------------------------------------

local OPTIONS = {
  product = { type = "string", required = true, fn = tcb_of.check_product },
  chip_id = "string", tcb = "table", vlek = { type = "boolean", default = false },
  crl = { type = "boolean", default = false }, offline = { type = "boolean", default = false },
  server = { type = "string", default = M.SERVER, fn = request_of.check_server },
  cache_dir = "string", -- default: see kavach.attest.cache
  timeout_ms = { type = "integer", min = 1, max = 1 << 31, default = TIMEOUT_MS },
  backoff_ms = { type = "integer", min = 1, max = 60000, default = BACKOFF_MS },
  now = { type = "integer", min = 0 }, -- default: the clock
  on_wait = "function",   -- (url, status, ms), before each wait
  on_unkept = "function", -- (what, error), where the cache could not take it
}

local function start(options)
  local cache_dir, message = options.cache_dir, nil
  if not cache_dir then cache_dir, message = cache_of.default_dir() end
  if not cache_dir then return invalid("%s", message) end
  return {
    server = options.server, offline = options.offline, cache = cache_of.open(cache_dir),
    now = options.now or os.time(), deadline_ms = task.now() + options.timeout_ms,
    backoff_ms = options.backoff_ms, on_wait = options.on_wait, on_unkept = options.on_unkept,
  }
end

local function belong_together(found)
  return found.vcek == nil or snp.signed_by(found.vcek.der, found.ask.der)
end

--- AMD can issue an ASK anew: what the cache has of it, or of a VCEK by an older one, is then not
--- for each other, and is fetched again.
local function match_chain(self, options, found)
  local why
  if not belong_together(found) and found.ask.source == "cache" and not self.offline then
    local ark, ask = obtain_chain(self, options.product, "vcek", true)
    if not ark then return nil, ask end
    found.ark, found.ask = ark, ask
  end
  if not belong_together(found) and found.vcek.source == "cache" and not self.offline then
    found.vcek, why = obtain_vcek(self, options, true)
    if not found.vcek then return nil, why end
  end
  if belong_together(found) then return true end
  return err.fail("attestation_failed", found.vcek.url .. ": its ASK did not sign it",
    { op = "certs.fetch", url = found.vcek.url })
end

--- Fetches what belongs to a chip and a TCB: the VCEK (if `chip_id` and `tcb` are given), its ASK
--- and ARK, or with `vlek` ASVK and ARK, and with `crl` the revocation list; from the cache where
--- it has them. Of each: `der`, `source` ("cache" or "server"), `url`, and the `path` of its file
--- (none where the cache could not take it).
---@param options table
---@return table<string, { der: string, source: string, url: string, path: string? }>?
---@return kavach.Error?
function M.fetch(options)
  options = check.table(OPTIONS, options, "kds.fetch", 2)
  if options.chip_id then
    local problem = request_of.chip_id_problem(options.product, options.chip_id)
    if problem then return invalid("%s", problem) end
    if not options.tcb then error("kds.fetch: a chip_id needs the tcb of the report", 2) end
    snp.tcb_write(options.product, options.tcb) -- raises if it does not fit
  end
  local self, why = start(options)
  if not self then return nil, why end
  local found = {}
  if options.chip_id and not options.vlek then
    found.vcek, why = obtain_vcek(self, options)
    if not found.vcek then return nil, why end
  end
  local ark, ask, role = obtain_chain(self, options.product, options.vlek and "vlek" or "vcek")
  if not ark then return nil, ask end
  found.ark, found[role] = ark, ask
  local ok
  ok, why = match_chain(self, options, found)
  if not ok then return nil, why end
  if options.crl then
    found.crl, why = obtain_crl(self, options, found.ark)
    if not found.crl then return nil, why end
  end
  return found
end

return M
