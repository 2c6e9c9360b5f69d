"""Words of column headers and what they mean, and which words together mean which field.

A header is read as concepts (whose, which part, of what), never looked up whole, so that spellings
nobody listed are understood from their words. Sources: the documented column names of Open Dental,
Dentrix, Eaglesoft, Epic's Clarity, HL7 v2, FHIR and X12, and everyday abbreviations; Spanish ones.
"""

from __future__ import annotations

from typing import Final

__all__ = ["IGNORED", "LITERAL", "OWNERS", "PIECES", "RECIPES", "SHORT", "SINGLE", "WORDS"]

_CONCEPTS: Final = """
patient: bene patient patients pat pt pts paciente patnt member_person person per persona consumer recipient
guardian: guardian gr guarantor guar guart gtor gtr grntr responsible resp respparty rp parent mother mom mother's father dad
guardian: tutor padre madre grdn gua gf acudiente apoderado gurantor guarant
emergency: emergency emerg emer ice emergencia
representative: representative rep executor estate administrator poa heir nok kin nextofkin albacea
practice: practice practise clinic facility fac hospital hosp office ofc business company org organization organisation
practice: organizacion consultorio clinica entity ce prac cln client store practicename clinicname covered
location: location loc site branch ubicacion sucursal servicing
tenant: tenant tenancy subaccount workspace customer cust
provider: provider providers doctors dentists prov doctor dr dentist physician phys pcp hygienist hyg attending rendering practitioner clinician dentista
provider: medico prv md proveedor therapist surgeon nurse resource
referral: referring referral referred refer ref refby referredby
employer: employer employment emplr empleador school
spouse: spouse partner husband wife conyuge
pharmacy: pharmacy pharm farmacia
insurance: insurance ins insur carrier carr payer payor plan policy coverage cov hmo ppo seguro aseguradora poliza benefit medicaid
insurance: medicare hicn mbi beneficiary insplan healthplan payr group grp groupnum
subscriber: subscriber subscr subs sub insured policyholder holder enrollee enrolee certificate cert suscriptor asegurado
member: member mbr memb memberid
alternate: alternate conf alt alternative confid temporary temp seasonal secondary altern
mailing: mailing mail postal billing bill correspondence
previous: previous prev prior former formerly old
maiden: maiden nee soltera maidenname
other: other
emergencycontact: emergencycontact
first: first fname fnam fnm frst given givenname forename fn firstname nombres primer vorname prenom gname first_nm
nombre: nombre
middle: middle mname mid mi minit mnm midname middlename middleinitial segundo mdl mnam
last: last lname lnam lnm lst surname sname ln lastname family familyname apellido apellidos apell famname nachname paterno
maternal: materno
name: name nm nme nam names xpn
full: full complete whole display completo entire formatted
suffix: suffix sfx suff namesuffix generation gen postfix sufijo
prefix: prefix title salutation honorific salut titulo titl
nick: preferred nickname nick goes goesby alias aka known otherid pref prefname
alias: alias aliases aka
initial: initial init inicial
dob: dob bdate birthdate birthday bday birthdt brthdt bdt dateofbirth nacimiento fnac fecnac fechanac natal
dob: birthdat dofb dtbirth dobirth cumpleanos fdn bornon brthday
birth: birth brth born nac bth bir
order: order sequence seq rank orden
sex: sex mf gender gndr sexo genero sx gend adminsex
ssn: ssn ss socsec ssno ssan nss socialsecurity ssnum socialsec socsecno
social: social soc
security: security sec seguridad
id: id identifier ident key guid uuid uid pk oid ids identificador identity
number: number num no nbr nr numero nmbr numb nro
code: code cd codigo cde
mrn: mrn pubpid medrec medrecno mrno medicalrecord expediente empi mpi hrn
chart: chart cht expedient historia charts
medical: medical med medico clinica
record: record rec row registro recno
account: account acct acc cuenta acctno
street: street st str strt streetaddress calle addressline addrline domicilio
address: address addr addrs adr add adress direccion dir adrs domic addy ad
line: line ln1 linea
unit: unit apt apartment suite ste apto departamento depto pmb apart aptsuite unitno flat
pobox: pobox
house: house
city: city town municipality suburb ciudad municipio cty citytown locality poblacion
state: state prov province st statecd stateprov estado provincia stcode
region: region
zip: zip zipcode postalcode postcode postal zipcd zip5 cp codigopostal zippostal zpcd zipc
plus4: plus4 zip4
county: county parish condado
country: country ctry nation pais cntry
phone: phone telephone tel ph telephonenumber phoneno phonenum telefono fono phn tele fone telno dial
cell: cell mobile cellular wireless cellphone movil celular cel mob mobilephone sms text_phone handset cellph
home: home hm hme residence residential casa res evening eve hom
work: work wk wrk business_phone daytime trabajo wkph day_time
fax: fax facsimile
ext: ext extension
email: email mail_address emailaddress correo electronico eml e_mail mailaddr emailaddr
domain: domain
npi: npi nationalprovider
tax: tin ein taxid tax
language: language lang langcd locale idioma lng lenguaje langcode
format: format accessibility braille
deceased: deceased death died dod deathdate expired dead decease deceaseddate defuncion fallecido fallecimiento dth
consent: consent optin optedin agreement agreed permission ok consents permitted consentimiento
scope: scope coverage_of purpose
withdrawn: withdrawn revoked ended end until optout unsubscribed revocation withdrawal optedout cancelled_on stop
confidential: confidential conf confidentiality acp restricted safe_at_home
visit: visit visits encounter enc seen consulta visita visited lastseen exam checkup
appointment: appointment apt appt apt_date aptdate appts cita sched schedule scheduled booking recall apptmt appoint recare
appointment: reminder slot datetimeapt
service: service serv svc dos servicio
admission: admission admit admitted discharge discharged disch ingreso alta
updated: updated modified changed upd lastupdated modification edited tstamp mod verified moved moddate datetstamp refreshed
created: created entered inserted entry creation added registered registration timestamp createdat ts intake loaded
date: date dt dte fecha datetime dat day dates on
time: time tm hora at
year: year yr yyyy ano
month: month mon mm mes
asof: asof effective eff since effdate
role: role roles relation_to_practice persontype contacttype rol usertype
type: type typ tipo category class cat klass
kinds: kinds kind elements element
data: data datos phi
relation: relationship relation rel parentesco reln
contact: contact contacto cont
status: status stat estatus flag active inactive ind indicator yn
note: note notes comment comments remark remarks memo narrative observation observaciones description_long free body message msg
note: transcript summary subject content nota notas comentario comentarios freetext text urgnote
description: description desc descr descript
race: race raza
ethnicity: ethnicity ethnic hispanic etnicidad etnia
marital: marital marstat married civil
religion: religion
age: age edad
height: height weight bmi
diagnosis: diagnosis diagnoses dx diag icd icd10 icd9 diagcode dxcode condition conditions problem problems diagnostico allergy
diagnosis: allergies allergen alergias alergia comorbidity premed history_medical labresult lab result results loinc
treatment: treatment procedure proc proccode cdt cpt hcpcs ada adacode tooth toothnum surf surface surgery tx procedimiento
treatment: tratamiento quadrant proced px treat vaccine immunization implant
medication: medication medications meds drug drugs rx prescription ndc medicine dosage dose sig medicamento receta rxnorm
payment: payment payments paid balance bal invoice charge charges amount amt fee claim claims copay owed due billed
payment: cost price deductible saldo pago monto cargo total remittance ledger payplan adjustment
card: card cc creditcard ccnum pan cardno cardnumber ccnumber cvv ccn tarjeta
expiry: expiry exp expiration expires
bank: bank routing aba iban rtn bankaccount checking achaccount ach banco
photo: photo image picture img pic xray radiograph foto imagen imagefolder scan
license: license licence lic licencia
driver: driver drivers dl driving drv conducir dln
password: password pwd hash token secret
user: user users employees userod login operator clerk username employee staff emp usr
url: url website web link ip
from: from sender callback reply replyto outgoing
caller: caller ani
to: to destination sendto
primary: primary main prim principal pri
current: current curr cur actual permanent perm legal
thing: form thing ticket document doc lead call event evt transaction trans txn item detail response submission survey inquiry enquiry
start: start begin inicio
"""
"""`concept: words`; a word may stand for several concepts."""

IGNORED: Final = frozenset(
    [
        "tbl",
        "table",
        "party",
        "est",
        "fld",
        "field",
        "col",
        "column",
        "txt",
        "vw",
        "dbo",
        "str2",
        "val",
        "value",
        "of",
        "the",
        "and",
        "or",
        "de",
        "del",
        "la",
        "el",
        "para",
        "for",
        "by",
        "in",
        "a",
        "an",
        "is",
        "data1",
        "demographic",
        "demographics",
        "demo",
        "info",
        "information",
        "details",
        "administrative",
        "admin",
        "xml",
        "csv",
        "raw",
        "src",
        "source",
        "our",
        "their",
        "his",
        "her",
        "your",
        "you",
        "s",
    ]
)
"""Words that say nothing of what a column holds."""

OWNERS: Final = frozenset(
    ("guardian", "emergency", "representative", "practice", "location", "tenant", "provider", "referral",
     "employer", "spouse", "pharmacy", "insurance", "subscriber", "alternate", "previous", "maiden",
     "user", "from", "bank", "card", "contact", "birth", "driver")
)  # fmt: skip
"""Whose: a recipe without the word does not fit a header with it."""

SHORT: Final = frozenset(
    [
        "hm",
        "wk",
        "ph",
        "no",
        "id",
        "dt",
        "pt",
        "nm",
        "ln",
        "fn",
        "mi",
        "st",
        "rx",
        "dx",
        "tx",
        "cc",
        "ec",
        "cd",
        "ad",
        "dr",
        "on",
        "of",
        "to",
        "rp",
        "mn",
        "rep",
        "add",
        "ins",
        "fac",
        "org",
        "per",
        "bal",
        "gr",
        "amt",
        "loc",
    ]
)
"""Short words that may be part of a word written together."""
SINGLE: Final = {"p": "patient", "g": "guardian"}
"""Letters that begin a word written together: `plname`, `gfname`."""

PIECES: Final = {
    "street#number": ("street", 0),
    "street": ("street", 1),
    "street#name": ("street", 1),
    "street#unit": ("street", 2),
    "entity_hint": ("entity_hint", 0),
    "entity_hint#street": ("entity_hint", 1),
    "entity_hint#city": ("entity_hint", 2),
    "entity_hint#state": ("entity_hint", 3),
}
"""Targets that are parts of one field, with their place in it."""


def _words() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _CONCEPTS.strip().splitlines():
        concept, _, words = line.partition(":")
        for word in words.split():
            kept = found.setdefault(word.replace("_", "").replace("'", ""), [])
            if concept not in kept:
                kept.append(concept)
    return {word: tuple(concepts) for word, concepts in found.items()}


WORDS: Final = _words()

_RECIPES: Final = """
first_name: 3 first; 3 first name; 2 nombre; 2 contact first; 2 contact first name; 2 first initial
middle_name: 3 middle; 3 middle name; 3 middle initial; 3 middle initial name; 3 middle 1; 2 initial
last_name: 3 last; 3 last name; 2 contact last; 2 contact last name
suffix: 3 suffix; 3 suffix name; 2 suffix last name
previous_last_name: 3 previous last name; 3 previous last; 3 maiden; 3 maiden name; 3 maiden last name; 3 maiden last; 2 previous name; 3 birth last name; 3 birth last; 2 birth name; 2 previous
alias_names: 3 alias; 3 alias name; 2 other name; 2 nick name
full_name: 2 name; 3 full name; 3 patient name; 3 last first name; 3 last first; 2 member name; 2 nombre; 2 contact name; 3 full name last first; 3 first last name; 3 first middle last name
date_of_birth: 3 dob; 3 birth date; 2 birth; 3 dob date; 3 birth dob
birth_order: 3 birth order; 3 birth number
sex: 3 sex; 3 birth sex; 3 sex code; 2 sex description
ssn: 3 ssn; 3 social security; 2 social; 3 ssn number; 3 social security number; 3 ssn id; 3 ssn tax
member_id: 3 member id; 2.5 member; 3 member number; 3 subscriber id; 3 subscriber number; 3 insurance id; 3 insurance number; 3 insurance member id; 3 insurance subscriber id; 3 insurance member number; 2.5 insurance policy number; 3 subscriber member id; 2 insurance code; 2 subscriber member number
mrn: 3 mrn; 3 mrn number; 3 mrn id; 3 chart number; 2 chart id; 3 chart; 3 medical record number; 3 medical record; 3 medical record id; 3 mrn medical record number; 2 patient number; 1.5 patient id; 1.5 account number; 1.5 patient account number; 2 patient record number; 3 chart code; 2 record number; 2 patient account; 2 medical number
record_id: 2 id; 2 patient id; 3 record id; 3 record number; 2.5 appointment id; 2.5 appointment number; 2.5 visit id; 2.5 note id; 2.5 service id; 2.5 payment id; 2.5 record; 2 patient number; 2.5 visit number; 2.5 created id; 2 form id; 2 person id; 2 order id; 2.5 chart id; 2.5 thing id; 2.5 thing number; 2.5 thing; 2.5 user id; 2.5 created number
entity_id: 3 practice id; 2.5 practice code; 2.5 practice number; 1 practice; 2 tenant id; 2 location id; 2 practice location id
location_id: 3 location id; 2.5 location code; 2.5 location number; 2 practice id; 2 practice number; 2 location; 1.5 practice; 2 practice code; 3 practice location; 3 practice location id; 2 home practice; 2 home location; 2 service location; 2 primary practice; 2 primary location; 2 current location; 2 practice location number
tenant_id: 3 tenant id; 3 tenant; 3 tenant number; 3 tenant code; 2.5 account id; 2 account; 2 account number; 2 account code; 2 practice id; 2 practice account; 2 practice account id; 3 tenant account; 3 tenant account id; 2 practice number; 2 tenant name; 2.5 practice account number; 2.5 tenant account number
entity_hint: 3 practice name; 3 location name; 2 practice; 2 location; 3 practice location name; 3 practice full name; 2 practice display name; 2 from name; 2.5 practice description; 2 location description; 1.5 account name; 2 tenant name
entity_hint#city: 3 practice city; 3 location city; 2 from city; 2.5 practice location city
entity_hint#state: 3 practice state; 3 location state; 2 from state; 2.5 practice location state
kind:extra: 3 practice zip; 3 practice address; 3 practice street; 3 location address; 3 location street; 3 location zip; 3 practice country; 3 location country; 3 practice county; 3 practice address 2; 3 practice address 1
entity_npi: 3 practice npi; 2 npi; 3 location npi; 2.5 mailing npi; 3 practice npi number; 2 npi number; 2.5 mailing provider npi
entity_phone: 3 practice phone; 3 location phone; 3 from phone; 3 practice phone number; 3 location phone number; 2.5 from; 3 practice cell; 3 practice phone main; 2.5 from number; 3 practice phone primary; 3 practice contact phone; 2.5 practice contact number; 1.5 contact phone; 1.5 contact number; 1 phone; 2 caller id number; 2 caller number; 2 caller phone; 2.5 account phone; 2.5 tenant phone
entity_email: 3 practice email; 3 location email; 3 from email; 3 practice domain; 3 practice email address; 3 from email address; 2 from; 2 domain; 3 practice contact email; 3 email domain; 3 practice email domain; 3 location email address
role: 3 role; 3 contact type; 3 patient type; 2 type; 3 role type; 2.5 user type; 3 contact role; 3 patient role; 3 role code; 2 contact code; 3 patient contact type
elements: 3 kinds; 3 data kinds; 3 data type; 3 data kinds type; 2.5 data code; 1 data
street: 3 street; 3 address; 3 street address; 3 address 1; 3 street 1; 3 address line; 3 address line 1; 3 street line 1; 3 mailing address 1; 3 home address; 3 home street; 3 home address 1; 2.5 mailing address; 3 mailing street; 2.5 mailing address line 1; 3 home address line 1; 3 address street; 3 current address; 3 primary address; 3 current address 1; 3 primary address 1; 3 address street 1; 3 street line; 2.5 full address; 3 home street address; 3 mailing street address; 3 address street line 1; 2.5 contact address; 3 street address 1; 3 address primary
street#number: 3 street number; 3 house number; 3 mailing address street number; 3 address street number; 3 address number; 3 house; 3 mailing street number; 3 street house number; 3 address house number
street#name: 3 street name; 3 address street name; 3 mailing address street name; 3 mailing street name
street2: 3 address 2; 3 street 2; 3 unit; 3 address line 2; 3 unit number; 3 street line 2; 3 mailing address 2; 3 home address 2; 3 address unit; 3 mailing address unit number; 3 mailing address line 2; 3 address unit number; 3 street address 2; 3 street unit; 2 pobox; 3 street address line 2; 3 current address 2; 3 primary address 2; 3 home address line 2; 3 street unit number; 2 mailing address pobox; 3 unit line 2; 3 address street 2; 3 street address line 2; 3 home street 2; 3 home unit
city: 3 city; 3 home city; 3 mailing city; 3 address city; 3 mailing address city; 3 city name; 3 home address city; 3 current city; 3 primary city; 3 current address city; 3 primary address city; 3 contact city
state: 3 state; 3 home state; 3 mailing state; 3 address state; 3 state code; 3 mailing address state; 3 home address state; 2 region; 3 state region; 3 current state; 3 primary state; 3 primary address state; 3 current address state; 3 contact state
zip: 3 zip; 3 zip code; 3 home zip; 3 mailing zip; 3 address zip; 3 mailing code; 3 mailing address zip; 3 zip mailing; 3 zip mailing code; 3 home zip code; 3 mailing zip code; 3 address zip code; 3 home address zip; 3 current zip; 3 primary zip; 3 zip plus4; 3 address mailing code; 3 zip number; 3 zip code number; 3 primary address zip; 3 current address zip; 3 contact zip; 3 home mailing code
country: 3 country; 3 country code; 3 address country; 3 home country; 3 mailing country; 3 country name; 3 mailing address country
address_as_of: 3 address updated; 3 address date; 3 address updated date; 3 address asof; 3 address asof date; 2.5 address date updated; 2 address created; 2 address time; 2 address year; 3 home address updated; 3 address current date; 3 address last updated; 3 address last updated date; 3 current address date; 3 current address asof; 3 address mailing updated; 2.5 street updated; 2.5 mailing updated; 3 address created date
alternate_street: 3 alternate street; 3 alternate address; 3 alternate address 1; 3 alternate address line 1; 3 alternate mailing address; 3 alternate street address; 3 confidential address line 1; 2 confidential street; 2.5 alternate address street; 3 alternate mailing street; 3 alternate mailing address 1; 2 alternate; 2.5 alternate address line; 3 alternate address street line 1; 3 alternate contact address; 2 other address; 2 other street; 3 confidential address street; 3 confidential mailing address; 3 confidential mailing street
alternate_city: 3 alternate city; 3 alternate address city; 3 alternate mailing city; 3 confidential city; 2.5 other city; 3 confidential address city; 3 confidential mailing city; 3 alternate mailing address city
alternate_state: 3 alternate state; 3 alternate address state; 3 alternate mailing state; 3 confidential state; 2.5 other state; 3 confidential address state; 3 confidential mailing state; 3 alternate mailing address state
alternate_zip: 3 alternate zip; 3 alternate zip code; 3 alternate address zip; 3 alternate mailing zip; 3 alternate mailing code; 3 confidential zip; 2.5 other zip; 3 confidential address zip; 3 alternate address mailing code; 3 confidential mailing zip; 3 alternate mailing address zip; 3 alternate address zip code
phone: 2 caller number; 2 caller phone; 2 caller id number; 2 caller; 3 phone; 3 cell; 3 cell phone; 3 phone number; 3 cell phone number; 3 phone 1; 3 primary phone; 3 cell number; 2.5 home phone; 2.5 home phone number; 2 work phone; 2 work phone number; 2.5 contact phone; 2.5 contact number; 2.5 to number; 3 to phone; 3 to phone number; 3 phone primary; 2.5 contact phone number; 3 phone cell; 3 primary phone number; 3 phone number 1; 3 contact cell; 2.5 current phone; 3 cell phone 1; 3 to cell; 3 primary cell; 2 home; 3 phone contact 1; 2.5 home cell
phone2: 3 phone 2; 3 home phone; 3 home phone number; 2.5 work phone; 2.5 work phone number; 3 alternate phone; 3 alternate phone number; 3 other phone; 3 other phone number; 2.5 home; 2 work; 3 phone home; 3 phone number 2; 2 phone 1; 3 cell 2; 2.5 home cell; 3 alternate contact phone; 2.5 alternate contact number; 3 alternate number; 3 alternate cell; 3 other contact number; 3 cell phone 2; 2.5 phone 3; 3 home number; 2.5 house phone; 2 line phone; 2.5 line phone number; 2 cell phone; 2 cell
email: 3 email; 3 email address; 3 home email; 3 email 1; 3 email address 1; 3 to email; 3 to email address; 3 contact email; 3 contact email address; 3 primary email; 3 primary email address; 2 work email; 3 email id; 2 to; 2.5 current email; 3 email contact; 2 alternate email; 2 mailing email
guardian_first_name: 3 guardian first; 3 guardian first name; 2 guardian nombre; 3 guardian contact first name
guardian_last_name: 3 guardian last; 3 guardian last name; 3 guardian contact last name
kind:guardian: 3 guardian; 3 guardian name; 3 guardian phone; 3 guardian email; 3 guardian dob; 3 guardian ssn; 3 guardian relation; 3 guardian id; 3 guardian address; 3 guardian number; 3 guardian birth date; 3 guardian middle; 3 guardian cell; 3 guardian type; 3 guardian street; 3 guardian city; 3 guardian state; 3 guardian zip; 3 guardian sex; 3 guardian account; 3 guardian home phone; 3 guardian work phone; 3 guardian full name; 3 guardian email address; 3 guardian phone number
representative_name: 3 representative name; 3 representative; 2.5 representative full name; 3 representative contact; 3 representative contact name
representative_street: 3 representative street; 3 representative address; 3 representative address 1; 3 representative address line 1; 3 representative mailing address; 3 representative street address; 3 representative mailing street; 3 representative home address; 3 representative street 1
representative_city: 3 representative city; 3 representative address city; 3 representative mailing city; 3 representative home city
representative_state: 3 representative state; 3 representative address state; 3 representative mailing state; 3 representative home state; 3 representative state code
representative_zip: 3 representative zip; 3 representative address zip; 3 representative zip code; 3 representative mailing code; 3 representative mailing zip; 3 representative home zip
kind:representative: 3 representative phone; 3 representative email; 3 representative relation; 3 representative cell; 3 representative type
deceased_on: 3 deceased; 3 deceased date; 3 deceased status; 2.5 deceased type; 3 deceased created date; 3 deceased time; 3 deceased date time; 3 deceased dob
language: 3 language; 3 language code; 3 nick language; 3 primary language; 2.5 language description; 3 language contact; 3 contact language; 3 nick language code; 3 language name; 3 home language
alt_format: 3 alternate format; 2.5 format; 3 nick format; 3 format type; 3 alternate format type; 2.5 contact format; 3 note format; 3 mailing format; 3 service format; 3 format code; 3 description format
email_consent_on: 3 email consent date; 2.5 email consent; 3 consent email; 2 consent date; 3 email consent time; 3 email consent created; 3 email consent created date; 2 consent; 3 email consent asof; 3 email consent given; 3 email consent address; 2.5 email consent status; 3 email consent asof date; 2.5 email asof
email_consent_scope: 3 email consent scope; 3 email consent type; 2 consent scope; 2 consent type; 3 email consent kinds; 2.5 email scope; 3 email consent code; 3 consent scope email; 2.5 email consent description; 2.5 email type
email_consent_withdrawn_on: 3 email consent withdrawn; 3 email withdrawn; 2.5 consent withdrawn; 3 email consent withdrawn date; 3 email withdrawn date; 2.5 consent withdrawn date; 2.5 withdrawn; 2.5 withdrawn date; 3 email consent expiry; 3 email consent date withdrawn; 3 email consent status withdrawn
confidential_address: 3 confidential; 3 confidential address; 3 confidential status; 3 confidential address status; 3 confidential type; 3 confidential note; 3 confidential mailing; 3 confidential code; 3 confidential contact; 2.5 confidential service; 3 confidential consent; 3 confidential address code
last_visit_on: 3 last visit; 3 last visit date; 2.5 visit date; 2.5 appointment date; 2.5 service date; 2.5 service; 3 last appointment; 3 last appointment date; 2 visit; 2.5 appointment time; 2.5 visit time; 2.5 appointment date time; 2.5 service date time; 2 appointment; 3 last service date; 3 last service; 2 admission date; 2 admission; 2.5 patient visit date; 2.5 start date; 2 contact date; 2.5 appointment start date; 3 current visit date; 2.5 record date
provider: 3 provider; 3 provider name; 2.5 provider id; 2.5 provider number; 2.5 provider code; 3 primary provider; 3 provider full name; 2 primary provider id; 2.5 provider description; 3 service provider; 3 current provider; 3 visit provider; 3 appointment provider; 3 primary provider name; 2.5 primary provider code; 2.5 appointment provider id; 2.5 visit provider id; 2.5 provider last name; 2.5 provider last; 3 provider display name; 3 usual provider; 3 service provider name; 3 visit provider name
kind:provider: 3 provider first name; 3 provider npi; 3 provider phone; 3 provider email; 3 provider type; 3 provider address; 3 provider first; 3 provider middle name; 3 referral; 3 referral name; 3 referral provider; 3 provider npi number; 3 referral provider name; 3 referral id; 3 provider license; 3 provider license number; 3 provider zip; 3 provider city; 3 provider state
kind:name: 3 nick; 3 nick name; 3 prefix; 3 prefix name; 3 spouse; 3 spouse name; 2 maternal; 2 last maternal; 3 employer; 3 employer name; 3 user name; 3 spouse first name; 3 spouse last name; 3 nick first name; 3 guardian maiden name; 3 guardian maiden
kind:contact: 2 phone; 2 cell; 2 cell phone; 2 home phone; 3 work phone; 3 work phone number; 2 other phone; 2 alternate phone; 2 phone number; 2 email; 3 work email; 2 alternate email; 2 address; 2 mailing address; 3 emergency; 3 emergency phone; 3 emergency name; 3 emergency contact; 3 emergency contact name; 3 emergency contact phone; 3 emergency relation; 3 emergency contact relation; 3 emergency first name; 3 emergency last name; 3 fax; 3 county; 3 phone 3; 3 work fax; 3 home fax; 3 spouse phone; 3 employer phone; 3 employer address; 3 employer city; 3 employer state; 3 employer zip; 3 ext; 3 phone ext; 3 fax number; 3 emergency number; 3 pharmacy phone; 3 email 2; 3 emergency contact first name; 3 emergency contact last name; 3 emergency contact number; 3 work ext; 3 employer street number; 3 employer street name; 3 employer unit number; 3 employer street; 3 emergency email; 3 work address; 3 work city; 3 work state; 3 work zip; 3 emergency cell; 3 county code; 3 county name; 3 work phone ext; 3 employer address 1; 3 emergency address; 3 emergency phone number; 3 emergency contact phone number; 3 emergency home phone; 3 fax phone; 3 emergency contact address; 3 emergency contact email
kind:ssn: 2 ssn; 2 social security; 2 ssn number; 2 social
kind:diagnosis: 3 diagnosis
kind:treatment: 3 treatment
kind:medication: 3 medication; 3 pharmacy; 3 pharmacy name
kind:payment: 3 payment
kind:card: 3 card; 3 card number; 3 card expiry; 3 card type; 3 card name; 3 card last
kind:bank_account: 3 bank; 3 bank account; 3 bank number; 3 bank account number; 3 bank name; 3 bank code
kind:photo: 3 photo
kind:driver_license: 3 driver license; 3 driver license number; 3 license number; 3 driver; 3 driver number; 3 license; 3 driver license state; 3 driver id; 3 license state
kind:insurance: 3 insurance name; 3 insurance; 3 subscriber; 3 subscriber name; 3 subscriber first name; 3 subscriber last name; 3 insurance type; 3 insurance phone; 3 subscriber dob; 3 insurance code; 3 insurance date; 3 insurance asof; 3 insurance expiry; 3 subscriber relation; 3 subscriber ssn; 3 insurance address; 3 insurance city; 3 insurance state; 3 insurance zip; 3 insurance description; 3 insurance status; 3 primary insurance; 3 alternate insurance; 3 insurance payment; 3 primary insurance name; 3 insurance primary; 3 subscriber sex; 3 subscriber birth date; 3 insurance employer; 3 insurance npi
kind:appointment: 3 appointment status; 3 appointment type; 2.5 visit type; 3 appointment note; 3 visit status; 3 visit description; 3 first visit date; 3 first visit; 3 appointment length; 3 next appointment; 3 appointment created; 3 appointment confirmed; 3 appointment first; 3 admission type; 3 appointment description; 3 visit code; 3 appointment code; 3 admission time; 3 appointment data
extra: 3 race; 3 race code; 3 ethnicity; 3 ethnicity code; 3 marital; 3 marital status; 3 religion; 3 age; 2.5 created; 3 created date; 2.5 updated; 3 updated date; 2.5 status; 3 height; 3 relation; 3 password; 3 user; 3 url; 2 date; 2 year; 2 month; 2 time; 2 code; 2 description; 3 user id; 2.5 prefix; 3 created time; 3 updated time; 3 patient status; 3 tax; 2 order; 3 created user; 3 updated user; 3 race description; 3 tax year; 2.5 format type; 2 type; 3 record status; 3 tax format; 3 status date; 3 last updated; 3 last updated date; 3 race ethnicity; 2 number; 3 employer tax; 3 employer id; 3 event type; 3 event date
text: 3 note; 2.5 description; 3 note description; 3 medical note; 3 visit note; 3 treatment note; 3 diagnosis note; 3 provider note; 3 appointment note; 3 chart note; 3 payment note; 3 insurance note; 3 note data; 3 address note; 3 employer note; 3 patient note; 3 full note
"""
"""`target: weight concepts; ...`. 3: means that; 2: usually; 1: perhaps. A digit is a word of its own."""


LITERAL: Final = {
    "pid3": "mrn", "pid31": "mrn", "pid51": "last_name", "pid52": "first_name", "pid53": "middle_name",
    "pid54": "suffix", "pid7": "date_of_birth", "pid71": "date_of_birth", "pid8": "sex",
    "pid111": "street", "pid112": "street2", "pid113": "city", "pid114": "state", "pid115": "zip",
    "pid116": "country", "pid13": "phone", "pid131": "phone", "pid14": "phone2", "pid141": "phone2",
    "pid15": "language", "pid19": "ssn", "pid20": "kind:driver_license", "pid25": "birth_order",
    "pid29": "deceased_on", "pid30": "deceased_on", "nm103": "last_name", "nm104": "first_name",
    "nm105": "middle_name", "nm107": "suffix", "nm109": "member_id", "n301": "street",
    "n302": "street2", "n401": "city", "n402": "state", "n403": "zip", "n404": "country",
    "dmg02": "date_of_birth", "dmg03": "sex", "in136": "member_id", "pv17": "provider",
    "gt131": "guardian_last_name", "gt132": "guardian_first_name",
}  # fmt: skip
"""Segment and element numbers of HL7 v2 and X12, without their separators."""


def _recipes() -> list[tuple[str, float, frozenset[str]]]:
    found = []
    for line in _RECIPES.strip().splitlines():
        target, _, recipes = line.replace("kind:", "kind|").partition(":")
        target = target.replace("kind|", "kind:")
        target = "extra" if target == "kind:extra" else target
        for recipe in recipes.split(";"):
            weight, *concepts = recipe.split()
            found.append((target, float(weight), frozenset(concepts)))
    return found


RECIPES: Final = _recipes()
