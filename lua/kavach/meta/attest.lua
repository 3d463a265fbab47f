---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)

---Attestation: evidence, what is trusted, and decisions.
---@class kavach.attest
---@field emulator kavach.emulator a platform that stands in for a processor
local attest = {}

---Reads evidence from bytes: a report, alone or with certificates, or a JSON bundle.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---local evidence = assert(kavach.attest.parse(file:read "a"))
---```
---@param bytes string
---@return kavach.Evidence? evidence
---@return kavach.Error?
function attest.parse(bytes) end

---Reads evidence from a file or a folder.
---
---```lua
---local evidence = assert(kavach.attest.load "evidence.json")
---```
---@param path string
---@return kavach.Evidence? evidence
---@return kavach.Error?
function attest.load(path) end

---Judges evidence. Always gives a decision: what cannot be read as evidence is denied.
---
---```lua
---local evidence = assert(kavach.attest.load "evidence.json")
---local decision = kavach.attest.verify(evidence, kavach.policy.strict(), { product = "milan" })
---print(decision.allow, decision)
---```
---@param evidence string|kavach.Evidence|table
---@param policy? kavach.Policy|"baseline"|"strict"|"development"|"seed-strict" default "baseline"
---@param options? kavach.VerifyOptions
---@return kavach.Decision decision
---@see kavach.Decision
function attest.verify(evidence, policy, options) end

---Judges a list of evidence on the thread pool: the decisions, in order.
---
---```lua
---local evidence = assert(kavach.attest.load "evidence.json")
---print(kavach.attest.verify_all({ evidence, evidence }, "strict")[2].allow)
---```
---@param list (string|kavach.Evidence|table)[]
---@param policy? kavach.Policy|"baseline"|"strict"|"development"|"seed-strict" default "baseline"
---@param options? kavach.VerifyOptions
---@return kavach.Decision[] decisions
function attest.verify_all(list, policy, options) end

---Judges what a function gives, and calls another for each decision, in order.
---
---```lua
---local items = { { evidence = assert(kavach.attest.load "evidence.json") } }
---kavach.attest.verify_each(function() return table.remove(items) end, "strict", {}, print)
---```
---@param items fun(): table|false|nil each with `evidence`, or an `error`
---@param policy? kavach.Policy|"baseline"|"strict"|"development"|"seed-strict"
---@param options? kavach.VerifyOptions
---@param deliver fun(decision: kavach.Decision, item: table)
function attest.verify_each(items, policy, options, deliver) end

---What is trusted beside AMD's roots. Use one for many reports: it remembers certificates.
---
---```lua
---local trust = assert(kavach.attest.trust { cache = true })
---local decision = kavach.attest.verify("", "strict", { trust = trust })
---```
---@param options? kavach.TrustOptions
---@return kavach.Trust? trust
---@return kavach.Error?
function attest.trust(options) end

---Fetches certificates from AMD's key server, or from the cache.
---
---```lua
---local found = assert(kavach.attest.fetch { product = "milan", crl = true })
---print(#found.crl.der)
---```
---@param options kavach.FetchOptions
---@return table<string, { der: string, source: string, url: string, path: string? }>? found
---@return kavach.Error?
function attest.fetch(options) end

---Of `kavach.attest.verify`.
---@class kavach.VerifyOptions
---@field nonce? string 64 bytes, or 128 hex digits, that report_data must be
---@field now? integer seconds since 1970: the time to verify at; default: the clock's
---@field product? "milan"|"genoa"|"turin" what the processor must be
---@field trust? kavach.Trust what `attest.trust` gives; default: AMD's roots

---Of `kavach.attest.trust`.
---@class kavach.TrustOptions
---@field roots? string[] certificates (PEM or DER) to trust beside AMD's
---@field crls? string[] revocation lists that all evidence is checked against
---@field certificates? string[] not trusted, but used where evidence lacks some
---@field emulator? kavach.Emulator whose simulated evidence is trusted
---@field cache? boolean|string true, or the folder of `kavach certs fetch`; default false

---Of `kavach.attest.fetch`.
---@class kavach.FetchOptions
---@field product "milan"|"genoa"|"turin"
---@field chip_id? string of the VCEK; needs tcb
---@field tcb? table
---@field vlek? boolean default false
---@field crl? boolean default false
---@field offline? boolean only what the cache has; default false
---@field server? string default: AMD's
---@field cache_dir? string
---@field timeout_ms? integer
---@field backoff_ms? integer
---@field now? integer seconds since 1970; default: the clock's
---@field on_wait? fun(url: string, status: integer, ms: integer)
---@field on_unkept? fun(what: string, why: kavach.Error)

---Whether evidence is allowed, with every check and its reason.
---@class kavach.Decision
---@field allow boolean
---@field genuine boolean every check of authenticity passed, whatever the policy says
---@field simulated boolean a platform emulator made the evidence
---@field checks table[]
local Decision = {}

---How it came out.
---
---```lua
---local decision = kavach.attest.verify("", "strict")
---print(decision:outcome())
---```
---@return "allowed"|"denied"|"undecided"
function Decision:outcome() end

---The checks that keep it from being allowed.
---
---```lua
---local decision = kavach.attest.verify("", "strict")
---for _, each in ipairs(decision:reasons()) do print(each.name, each.found) end
---```
---@return table[] checks
function Decision:reasons() end

---As plain values, ready for JSON.
---
---```lua
---local decision = kavach.attest.verify("", "strict")
---print(decision:to_table().allow)
---```
---@return table
function Decision:to_table() end

---The JSON document, in one line.
---
---```lua
---local decision = kavach.attest.verify("", "strict")
---print(decision:to_json())
---```
---@return string
function Decision:to_json() end

---Lines for people.
---
---```lua
---local decision = kavach.attest.verify("", "strict")
---io.write(decision:to_text { color = false })
---```
---@param options? { color: boolean? }
---@return string
function Decision:to_text(options) end

---The platform emulator that is in a directory: keys that stand in for AMD's, and are no secret.
---
---```lua
---local platform = assert(kavach.attest.emulator.init { dir = "platform", product = "milan" })
---local trust = assert(kavach.attest.trust { emulator = platform })
---```
---@class kavach.emulator
---@overload fun(dir: string): kavach.Emulator?, kavach.Error?
local emulator = {}

---Makes an emulator in a directory that is new or empty.
---
---```lua
---local platform = assert(kavach.attest.emulator.init { dir = "platform", product = "milan" })
---```
---@param options kavach.EmulatorOptions
---@return kavach.Emulator? emulator
---@return kavach.Error?
function emulator.init(options) end

---The emulator that is in a directory.
---
---```lua
---local platform = assert(kavach.attest.emulator.open "platform")
---```
---@param dir string
---@return kavach.Emulator? emulator
---@return kavach.Error?
function emulator.open(dir) end

---One that is in no directory and ends with the process: for tests.
---
---```lua
---local platform = assert(kavach.attest.emulator.passing { product = "genoa" })
---```
---@param options? kavach.EmulatorOptions
---@return kavach.Emulator? emulator
---@return kavach.Error?
function emulator.passing(options) end

---Of `kavach.attest.emulator.init`.
---@class kavach.EmulatorOptions
---@field dir string
---@field product? "milan"|"genoa"|"turin" default "milan"
---@field chip_id? string 64 bytes; of Turin, 8; default: random
---@field csp_id? string what the VLEK names; default "CN=simulated.invalid"
---@field tcb? table
---@field not_before? integer when its certificates begin, in seconds since 1970; default: now
---@field keys? table<string, string> PEM by role: those of one's own
---@field progress? fun(done: integer, all: integer, role: string)

---A platform emulator.
---@class kavach.Emulator
---@field dir string
---@field product string "Milan", "Genoa" or "Turin"
local Emulator = {}

---A signed report with its certificates.
---
---```lua
---local platform = assert(kavach.attest.emulator.open "platform")
---local bundle = assert(platform:report { report_data = ("\0"):rep(64), vmpl = 0 })
---```
---@param options table report_data, key, tcb, measure, and any field of a report
---@return kavach.Bundle? bundle
---@return kavach.Error?
function Emulator:report(options) end

---The same as a JSON document.
---
---```lua
---local platform = assert(kavach.attest.emulator.open "platform")
---print(assert(platform:evidence { report_data = ("\0"):rep(64), guest_svn = 3 }))
---```
---@param options table as for report
---@return string? json
---@return kavach.Error?
function Emulator:evidence(options) end

---A revocation list, in DER.
---
---```lua
---local platform = assert(kavach.attest.emulator.open "platform")
---local der = assert(platform:crl { revoked = { "ask" } })
---```
---@param options? table this_update, next_update, revoked, number
---@return string? der
---@return kavach.Error?
function Emulator:crl(options) end

---The roots (DER) that a verifier must be given to believe this emulator.
---
---```lua
---local platform = assert(kavach.attest.emulator.open "platform")
---print(#platform:roots())
---```
---@return string[]
function Emulator:roots() end
