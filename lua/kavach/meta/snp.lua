---@meta kavach.snp
-- luacheck: ignore 212 (parameters are there for their types)
--- The C module: SEV-SNP formats as functions on bytes. Failures are nil, a message and a kind.

---@class kavach.snp
---@field GUEST_POLICY_KNOWN integer every bit of a guest policy with a meaning
---@field GUEST_POLICY_ALWAYS integer bit 17, which is always set
---@field SEV_SNP_POLICY integer 0x30000
---@field CBIT_POS integer position of the C-bit, by CPUID if the processor has it, else 51
local snp = {}

---@class kavach.snp.Part
---@field role "vcek"|"vlek"|"ask"|"asvk"|"ark"|"crl"|"unknown" what it claims to be
---@field der string
---@field guid string? its GUID in a certificate table

---@class kavach.snp.Evidence
---@field kind string "report", "extended report", "certificate table", "Azure HCL report", "guest
--- response", "PEM", "DER" or "JSON"
---@field encoding "none"|"hex"|"base64"
---@field report string? 1184 bytes
---@field certificates kavach.snp.Part[]
---@field crls kavach.snp.Part[]
---@field runtime_data string? Azure: report_data is a hash of it
---@field runtime_hash "sha256"|"sha384"|"sha512"|nil
---@field cpuid_eax integer? Google: CPUID Fn0000_0001_EAX
---@field product string? what cpuid_eax tells

---@class kavach.snp.Problem
---@field rule string
---@field field string
---@field offset integer of the first byte that is wrong
---@field message string

--- What bytes are. JSON is only recognised as such.
---@param bytes string
---@return kavach.snp.Evidence?
---@return string? message
---@return string? kind
function snp.recognise(bytes) end

---@param der string
---@return string role
function snp.certificate_role(der) end

---@param bytes string
---@return table? fields
---@return string? message
---@return string? kind
function snp.report_parse(bytes) end

--- The bytes of fields; over `raw`, if that is one of them.
---@param fields table
---@return string
function snp.report_bytes(fields) end

---@return { name: string, offset: integer, size: integer, since: integer, number: boolean }[]
function snp.report_fields() end

---@param bytes string
---@param product string?
---@return kavach.snp.Problem[]?
---@return string? message
---@return string? kind
function snp.report_check(bytes, product) end

---@param bytes string
---@param product string?
---@return table?
---@return string? message
---@return string? kind
function snp.report_tcbs(bytes, product) end

--- Which bits are set, by name; and those that have no name.
---@param bits integer
---@return table<string, boolean>
---@return integer unknown
function snp.platform_info(bits) end

---@param family integer
---@param model integer
---@return string?
function snp.product_of(family, model) end

---@return { field: string, name: string, mask: integer, permits: boolean }[]
function snp.guest_policy_bits() end

---@param bits integer
---@return true?
---@return string? message
---@return string? kind
function snp.guest_policy_check(bits) end

---@param bytes string
---@return string
function snp.hex(bytes) end

---@param text string
---@param spaces boolean? whether blanks and line ends are skipped
---@return string?
---@return string? message
---@return string? kind
function snp.unhex(text, spaces) end

---@param bytes string
---@return string
function snp.base64(bytes) end

---@param text string
---@param spaces boolean?
---@return string?
---@return string? message
---@return string? kind
function snp.unbase64(text, spaces) end

-- ---- certificates and revocation lists ---------------------------------------------------------

--- Security versions by component; `fmc` on Turin only.
---@class kavach.snp.Tcb
---@field fmc integer?
---@field boot_loader integer
---@field tee integer
---@field snp integer
---@field microcode integer

---@class kavach.snp.Certificate
---@field subject_cn string?
---@field issuer_cn string?
---@field subject string DER
---@field issuer string DER
---@field serial string
---@field spki string DER
---@field not_before integer seconds since 1970
---@field not_after integer
---@field key string for people: "EC P-384", "RSA-4096" …
---@field pss_sha384 boolean whether it says that it is signed as AMD signs
---@field product_name string?
---@field product "Milan"|"Genoa"|"Turin"|nil
---@field hwid string?
---@field csp_id string?
---@field tcb table those of kavach.snp.Tcb that it has
---@field problem string? what is wrong with its extensions

---@class kavach.snp.Crl
---@field issuer_cn string?
---@field issuer string DER
---@field this_update integer seconds since 1970
---@field next_update integer
---@field pss_sha384 boolean
---@field problem string?

--- What a certificate says, genuine or not.
---@param der string
---@return kavach.snp.Certificate?
---@return string? message
---@return string? kind
function snp.certificate_parse(der) end

---@param der string
---@return kavach.snp.Crl?
---@return string? message
---@return string? kind
function snp.crl_parse(der) end

--- Whether a list names a certificate's serial number.
---@param crl string DER
---@param der string
---@return boolean?
---@return string? message
---@return string? kind
function snp.crl_lists(crl, der) end

--- Whether the issuer's RSA key signed a certificate or list, as AMD signs; names and dates are not
--- looked at.
---@param der string
---@param issuer string DER
---@return boolean?
---@return string? message
---@return string? kind
function snp.signed_by(der, issuer) end

--- The components of a TCB.
---@param product "Milan"|"Genoa"|"Turin"
---@param value integer 64 bits
---@return kavach.snp.Tcb
function snp.tcb_parse(product, value) end

--- Raises if a component is missing, not the product's, or above 255.
---@param product "Milan"|"Genoa"|"Turin"
---@param tcb kavach.snp.Tcb
---@return integer
function snp.tcb_write(product, tcb) end

---@param bytes string
---@return string 32 bytes
function snp.sha256(bytes) end

---@param name "sha256"|"sha384"|"sha512"
---@param bytes string
---@return string
function snp.digest(name, bytes) end

return snp
