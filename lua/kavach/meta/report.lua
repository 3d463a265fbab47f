---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
-- What a processor says of a guest: reports, guest policies and launch digests.

---SEV-SNP attestation reports: what one says. Whether it is genuine, attest.verify tells.
---@class kavach.report
local report = {}

---Reads the 1184 bytes of a report.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---print(assert(kavach.report.parse(file:read "a")):to_text())
---```
---@param bytes string
---@return kavach.Report? report
---@return kavach.Error?
---@see kavach.Report
function report.parse(bytes) end

---Reads the short JSON form of a report, which has nine of its fields.
---
---```lua
---local file <close> = assert(io.open "report.json")
---print(assert(kavach.report.from_json(file:read "a")).guest_svn)
---```
---@param text string
---@return kavach.Report? report
---@return kavach.Error?
function report.from_json(text) end

---A report; its fields have the specification's names.
---@class kavach.Report
local Report = {}

---The 1184 bytes: those that it was parsed from, with the fields that were changed since.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---local report = assert(kavach.report.parse(file:read "a"))
---assert(#report:to_bytes() == 1184)
---```
---@return string? bytes
---@return kavach.Error?
function Report:to_bytes() end

---Everything that it says, as plain values.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---local report = assert(kavach.report.parse(file:read "a"))
---print(report:to_table("Milan").measurement)
---```
---@param product? "Milan"|"Genoa"|"Turin" for reports that do not tell theirs
---@return table? values
---@return kavach.Error?
function Report:to_table(product) end

---The short JSON form, or everything.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---print(assert(kavach.report.parse(file:read "a")):to_json { full = true })
---```
---@param options? { full: boolean?, product: "Milan"|"Genoa"|"Turin"|nil }
---@return string? json
---@return kavach.Error?
function Report:to_json(options) end

---Lines for people.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---print(assert(kavach.report.parse(file:read "a")):to_text())
---```
---@param options? { product: "Milan"|"Genoa"|"Turin"|nil }
---@return string? text
---@return kavach.Error?
function Report:to_text(options) end

---The components of its TCBs, by name.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---print(assert(kavach.report.parse(file:read "a")):tcbs("Milan").reported.microcode)
---```
---@param product? "Milan"|"Genoa"|"Turin"
---@return table? tcbs
function Report:tcbs(product) end

---Whether it has the form of a report. It says nothing of who signed it.
---
---```lua
---local file <close> = assert(io.open("report.bin", "rb"))
---local sound, reasons = assert(kavach.report.parse(file:read "a")):verify()
---print(sound, reasons)
---```
---@param product? "Milan"|"Genoa"|"Turin"
---@return boolean sound
---@return string[]? reasons
function Report:verify(product) end

---What an SEV-SNP guest lets its host do. What is not given is false.
---
---```lua
---local policy = kavach.guest_policy { smt_allowed = true }
---print(("0x%x"):format(policy:to_bits()))
---```
---@class kavach.guest_policy
---@overload fun(fields: kavach.GuestPolicyFields?): kavach.GuestPolicy
local guest_policy = {}

---Nothing permitted, and ABI 3.0, which no firmware has yet.
---
---```lua
---print(kavach.guest_policy.hardened())
---```
---@return kavach.GuestPolicy policy
function guest_policy.hardened() end

---The policy of these bits.
---
---```lua
---print(assert(kavach.guest_policy.from_bits(0x30000)).smt_allowed)
---```
---@param bits integer
---@return kavach.GuestPolicy? policy
---@return kavach.Error?
function guest_policy.from_bits(bits) end

---The bits that can be chosen, lowest first.
---
---```lua
---for _, bit in ipairs(kavach.guest_policy.bits()) do print(bit.field, bit.mask) end
---```
---@return { field: string, name: string, mask: integer, permits: boolean }[] bits
function guest_policy.bits() end

---Of `kavach.guest_policy`.
---@class kavach.GuestPolicyFields
---@field smt_allowed? boolean the host may have SMT on; default false
---@field migration_agent_allowed? boolean default false
---@field debug_allowed? boolean the host may read and write the guest's memory; default false
---@field single_socket_only? boolean default false
---@field cxl_allowed? boolean default false
---@field aes_256_xts_required? boolean default false
---@field rapl_disabled? boolean default false
---@field ciphertext_hiding? boolean default false
---@field page_swap_disabled? boolean default false
---@field min_abi_major? integer 0 to 255; default 0
---@field min_abi_minor? integer 0 to 255; default 0

---What a guest lets its host do.
---@class kavach.GuestPolicy: kavach.GuestPolicyFields
local GuestPolicy = {}

---The 64 bits, reserved bit 17 included.
---
---```lua
---print(kavach.guest_policy({}):to_bits())
---```
---@return integer bits
function GuestPolicy:to_bits() end

---What MEASUREMENT of a report will be for a guest that is launched so.
---
---```lua
---local m = assert(kavach.measure { ovmf = "OVMF.amdsev.fd", kernel = "bzImage", vcpus = 4,
---  vcpu_type = "EPYC-v4" })
---print(m:hex())
---```
---@class kavach.measure
---@overload fun(options: kavach.MeasureOptions): kavach.Measurement?, kavach.Error?
---@field vcpu_types string[] the names that vcpu_type can have
local measure = {}

---An ID block, which binds a launch digest to who answers for it.
---
---```lua
---local m = assert(kavach.measure { ovmf = "OVMF.fd", vcpus = 1, vcpu_type = "EPYC-v4" })
---local signed = assert(kavach.measure.id_block { digest = m.digest, id_key = "id.pem" })
---```
---@param options kavach.IdBlockOptions
---@return kavach.IdBlock? signed
---@return kavach.Error?
function measure.id_block(options) end

---Checks options of `kavach.measure` for `measure.start`.
---
---```lua
---local plan, why = kavach.measure.plan { ovmf = "OVMF.fd", vcpus = 1 }
---```
---@param options kavach.MeasureOptions
---@return table? plan
---@return string? message
function measure.plan(options) end

---Measures what `measure.plan` gave.
---
---```lua
---local plan = assert(kavach.measure.plan { ovmf = "OVMF.fd", vcpus = 1, vcpu_sig = 0x800f12 })
---print(kavach.measure.start(plan))
---```
---@param plan table
---@return kavach.Measurement? measurement
---@return kavach.Error?
function measure.start(plan) end

---Of `kavach.measure`.
---@class kavach.MeasureOptions
---@field mode? "snp"|"snp:ovmf-hash"|"snp:svsm"|"sev"|"seves" default "snp"
---@field vmm? "QEMU"|"ec2"|"gce" default "QEMU"
---@field vcpus? integer needed but for modes sev and snp:ovmf-hash
---@field vcpu_type? string a CPU model of QEMU, such as "EPYC-v4"
---@field vcpu_sig? integer or Fn0000_0001_EAX of the CPUs
---@field vcpu_family? integer or this with vcpu_model and vcpu_stepping
---@field vcpu_model? integer
---@field vcpu_stepping? integer
---@field guest_features? integer default 1
---@field ovmf string the firmware's file
---@field ovmf_hash? string 48 bytes, or their hex or base64
---@field kernel? string file
---@field initrd? string file; needs a kernel
---@field append? string the kernel's command line
---@field svsm? string file, in mode snp:svsm
---@field vars_file? string in mode snp:svsm; or vars_size
---@field vars_size? integer
---@field trace? boolean each page of the launch is told

---Of `kavach.measure.id_block`.
---@class kavach.IdBlockOptions
---@field digest string 48 bytes, or their hex or base64
---@field id_key string file of the key, in PEM
---@field author_key? string file
---@field family_id? string 16 bytes; default zeros
---@field image_id? string 16 bytes; default zeros
---@field guest_svn? integer default 0
---@field policy? integer|kavach.GuestPolicyFields default 0x30000

---A launch digest.
---@class kavach.Measurement
---@field digest string 48 bytes; 32 in the modes sev and seves
---@field mode string
local Measurement = {}

---The digest in hex, as reports are quoted.
---
---```lua
---local m = assert(kavach.measure { ovmf = "OVMF.fd", vcpus = 1, vcpu_type = "EPYC-v4" })
---print(m:hex())
---```
---@return string
function Measurement:hex() end

---The digest in base64.
---
---```lua
---local m = assert(kavach.measure { ovmf = "OVMF.fd", vcpus = 1, vcpu_type = "EPYC-v4" })
---print(m:base64())
---```
---@return string
function Measurement:base64() end
