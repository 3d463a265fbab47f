---@meta kavach.snp
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
--- The C module, its other half: verification, launch digests, ID blocks and the platform emulator.

---@class kavach.snp
local snp = {}

-- ---- verification ------------------------------------------------------------------------------

--- What is trusted, and what is known from verifications before.
---@class kavach.snp.Verifier
local Verifier = {}

---@class kavach.snp.VerifierOptions
---@field roots string[]? certificates (DER) that are trusted beside AMD's roots
---@field certificates string[]? not trusted: taken where evidence lacks an ASK, ASVK or ARK
---@field crls string[]? for all evidence
---@field now integer? seconds since 1970, where evidence has none
---@field product string? "Milan", "Genoa" or "Turin", where evidence names none

---@class kavach.snp.Given
---@field report string 1184 bytes
---@field certificates { role: string?, der: string }[]? at most 32
---@field crls string[]? at most 32
---@field now integer?
---@field product string? the one that it must be

---@class kavach.snp.Check
---@field id string for programs: stable
---@field stage "parse"|"chain"|"bind"|"signature"|"policy"
---@field name string for people
---@field field string? of the report
---@field status "pass"|"fail"|"not_checked"
---@field expected string?
---@field found string?
---@field reason string? why it was not checked, or what a failure means
---@field optional boolean? of one that was not checked: a report may be genuine without it

---@class kavach.snp.Result
---@field genuine boolean
---@field report_version integer
---@field product string? of the certificates
---@field signed_by "vcek"|"vlek"|nil what the certificate is
---@field root "amd"|"given"|nil whose root it is; nil: not trusted
---@field missing "vek"|"ask"|"ark"|nil the first certificate that is missing
---@field csp_id string?
---@field checks kavach.snp.Check[] all of them, always in one order

---@param options kavach.snp.VerifierOptions
---@return kavach.snp.Verifier?
---@return string? message
---@return string? kind
function snp.verifier(options) end

--- Nil if the report has not the right size.
---@param given kavach.snp.Given
---@return kavach.snp.Result?
---@return string? message
---@return string? kind
function Verifier:verify(given) end

--- For another thread: core.work(job:work(), job, callback).
---@param list kavach.snp.Given[] at most 4096
---@return kavach.snp.VerifyJob
function Verifier:work(list) end

---@class kavach.snp.VerifyJob
local VerifyJob = {}

---@return lightuserdata work to be given to core.work, once
function VerifyJob:work() end

--- Does it here and now.
function VerifyJob:run() end

--- In the order of the list: results, or { error=, kind= } for what `verify` gives nil. Nil while
--- it is not done.
---@return (kavach.snp.Result|{ error: string, kind: string })[]?
function VerifyJob:results() end

-- ---- launch digests ----------------------------------------------------------------------------

---@class kavach.snp.MeasureOptions
---@field mode string? "snp", "snp:ovmf-hash", "snp:svsm", "sev" or "seves"
---@field vmm string? "QEMU", "ec2" or "gce"
---@field vcpus integer
---@field vcpu_sig integer?
---@field guest_features integer?
---@field ovmf string path
---@field ovmf_hash string? 48 bytes
---@field kernel string? path
---@field initrd string? path
---@field append string?
---@field svsm string? path
---@field vars_size integer?
---@field trace boolean? whether every page is told

---@class kavach.snp.Page
---@field page_type integer
---@field gpa integer
---@field name string
---@field contents string 48 bytes
---@field digest string after this page

---@class kavach.snp.Measurement
---@field digest string
---@field vmsa_bsp string? the measured page of the first CPU, where CPUs are measured
---@field vmsa_ap string?
---@field trace kavach.snp.Page[]? in the order of the launch

---@class kavach.snp.MeasureJob
local MeasureJob = {}

--- A job that has not begun.
---@param options kavach.snp.MeasureOptions
---@return kavach.snp.MeasureJob?
---@return string? message
---@return string? kind
function snp.measure(options) end

---@return lightuserdata work to be given to core.work, once
---@return lightuserdata? work the same; with an initrd
function MeasureJob:work() end

--- Runs it here, unless it has run.
---@return kavach.snp.Measurement?
---@return string? message
---@return string? kind
function MeasureJob:result() end

--- What a firmware image says of itself; what it does not have is nil.
---@param bytes string
---@return table? image size=, gpa=, reset_eip=, hashes_gpa=, hashes_size=, svsm_entry=, sections=
---@return string? message
---@return string? kind
function snp.ovmf_parse(bytes) end

---@param family integer
---@param model integer
---@param stepping integer
---@return integer? eax of CPUID Fn0000_0001
---@return string? message
---@return string? kind
function snp.cpu_signature(family, model, stepping) end

-- ---- ID blocks ---------------------------------------------------------------------------------

---@param digest string 48 bytes
---@param family_id string 16 bytes
---@param image_id string 16 bytes
---@param guest_svn integer
---@param policy integer
---@return string block 96 bytes
function snp.id_block(digest, family_id, image_id, guest_svn, policy) end

---@param block string
---@param id_key string PEM
---@param author_key string? PEM
---@return string? auth 4096 bytes
---@return string? message
---@return string? kind
function snp.id_auth(block, id_key, author_key) end

---@param block string
---@param auth string
---@return { block_signed: boolean, key_signed: boolean?, id_key_digest: string,
--- author_key_digest: string? }
function snp.id_auth_check(block, auth) end

--- SHA-384 of a key as firmware has it.
---@param pem string
---@return string?
---@return string? message
---@return string? kind
function snp.key_digest(pem) end

-- ---- the platform emulator ---------------------------------------------------------------------

---@alias kavach.snp.Role "ark"|"ask"|"asvk"|"vcek"|"vlek"

---@class kavach.snp.KeyJob
local KeyJob = {}

--- A job that makes a private key.
---@param role kavach.snp.Role
---@return kavach.snp.KeyJob
function snp.emulate_key(role) end

---@return lightuserdata work to be given to core.work, once
function KeyJob:work() end

--- Runs it here, unless it has run.
---@return string? pem
---@return string? message
---@return string? kind
function KeyJob:result() end

--- Whether a key belongs to a certificate.
---@param role kavach.snp.Role
---@param key string PEM
---@param certificate string DER
---@return boolean? true
---@return string? message
---@return string? kind
function snp.emulate_key_check(role, key, certificate) end

---@param options { role: kavach.snp.Role, product: string, key: string, issuer: string?,
--- issuer_key: string?, not_before: integer, not_after: integer, product_name: string?,
--- tcb: integer?, chip_id: string?, csp_id: string? }
---@return string? der
---@return string? message
---@return string? kind
function snp.emulate_certificate(options) end

---@param options { ark: string, key: string, this_update: integer, next_update: integer,
--- number: integer?, revoked: string[]? }
---@return string? der
---@return string? message
---@return string? kind
function snp.emulate_crl(options) end

---@param report string
---@param key string PEM
---@return string? report
---@return string? message
---@return string? kind
function snp.emulate_sign(report, key) end

--- Whether a certificate says that an emulator made it.
---@param der string
---@return boolean
function snp.is_simulated(der) end

---@param size integer
---@return string
function snp.random(size) end

return snp
