"""Column headers as real systems write them: what `benchmarks.columns` renames with.

Written from the column names that systems document or export (Open Dental, Dentrix, Eaglesoft, Epic Clarity,
Cerner, NextGen, eClinicalWorks, athenahealth, Medisoft, OpenEMR, OpenMRS, DrChrono, VistA, CMS claims, NAACCR,
HL7, FHIR, X12, Salesforce, spreadsheets of front desks, Spanish ones), after the words of
`matching/propose/lexicon.py`, not from them: the code knows words, this list is of whole headers. Half of
it is held out: `held_out` halves it by the spelling alone, and failures are only ever looked at in the other half.
"""

from __future__ import annotations

import hashlib

__all__ = ["MEANINGLESS", "SPELLINGS", "held_out"]

_LISTED = """
record_id: RowID, ID, Rec_ID, recordid, unique_id, AptNum, appointment_key, PAT_ID, SourceRecordId, entry_id, guid, Record Number, rec_no, msgid, ROW_KEY, pk_id
entity_id: CE_ID, PracticeID, practice_cd, EntityId, ClinicID, org_id, covered_entity_id, prac_code, practiceguid, Practice Number
location_id: LOC_ID, SiteNum, facility_id, officeid, DepartmentID, Location Code, loc_cd, svc_loc_id, FacilityNbr, SiteCode, branch_id, OfficeNum
tenant_id: tenant, TenantID, account_id, CustID, customer_key, client_acct, AccountGuid, subscriber_account, tenant_code, ACCT_ID, CustomerNumber
mrn: PAT_MRN_ID, MRN, med_rec_nbr, ChartNumber, Chart Number, chart_id, MedRecNo, medical_record_number, CHART#, pubpid, PatientMRN, mr_no, Chart_Nbr, HRN, medrec_num, MRN_ID
first_name: FName, PAT_FIRST_NAME, NAME_FIRST, ufname, First Name, given_name, PatFirst, first_nm, GivenName, FIRST, Name--First, BENE_1ST_NAME, PatientFirstName, fst_name, Nombre, f_name, firstname, pt_first, patient.name.given, NM1_04_First, Frst_Nm, PersonFirstName, name_given, CLIENT_FNAME
middle_name: MiddleI, MI, PAT_MIDDLE_NAME, mname, Middle Name, middle_initial, uminitial, NAME_MIDDLE, Mid_Init, MidName, middle_nm, PatMI, m_name, Name--Middle, minit, Segundo Nombre
last_name: LName, PAT_LAST_NAME, NAME_LAST, ulname, Last Name, family_name, PatLast, last_nm, Surname, LAST, Name--Last, BENE_LAST_NAME, PatientLastName, lst_name, Apellido, l_name, lastname, pt_last, patient.name.family, NM1_03_Last, Apellido Paterno, PersonLastName, sur_name, CLIENT_LNAME
suffix: Suffix, NAME_SUFFIX, name_sfx, Suff, PAT_NAME_SUFFIX, Generation, SuffixName, sfx_cd, Name Suffix, gen_suffix
previous_last_name: MaidenName, maiden_name, Former Last Name, PREV_LAST_NM, BirthName, previous_surname, Name--Maiden, LAST_NAME_PRIOR, old_last_name, birth_last_name, Nee, former_name
full_name: PatientName, PAT_NAME, NAME_FULL_FORMATTED, Full Name, fullname, Name, patient_nm, pt_name, DisplayName, Client Name, NameLastFirst, Nombre Completo, ptname, name_full
date_of_birth: Birthdate, BIRTH_DATE, BIRTH_DT_TM, DOB, Date of Birth, BENE_BIRTH_DT, PersonBirthdate, birth_dt, dateofbirth, PatDOB, bday, Birth Date, FechaNacimiento, DtBirth, birthday, dob_date, Pt DOB, patient.birthDate, Fecha de Nacimiento, D.O.B., BirthDt, date_birth
sex: Gender, SEX_C, sex_cd, BENE_SEX_IDENT_CD, administrative_sex, Sexo, gender_code, PatSex, M/F, birth_sex, GenderID, patient_gender, SexCode, patient.gender
ssn: SSN, ss, Social Security Number, SocSecNo, social_security, PatSSN, ss_no, SSNum, SOC_SEC_NUM, ssn_nbr, Soc Sec #, SocialSecurityNum, S.S.N., NSS, Patient SSN, tax_ssn
member_id: MemberID, SUBSCR_NUM, InsSubscriberID, policy_number, member_nbr, Subscriber ID, MBR_ID, plan_member_id, insurance_id_number, MedicaidID, HICN, BENE_MBI_ID, policyno, ins_id, mem_no, Policy #, cert_no, Plan Member Number
street: Address, ADD_LINE_1, address_line_1, upaddress, Street 1, Address1, street, Mailing Street, PersonMailingStreet, addr_ln1, HomeAddress, St Address, ADDR1, Street Address, residential_address, Direccion, Addr at DX--No & Street, patient.address.line, home_addr_1, StreetLine1, PatAddress1, Address Line1, mail_addr
street2: Address2, ADD_LINE_2, address_line_2, Street 2, Apt, Unit #, addr_ln2, apt_no, StreetLine2, AptSuite, Suite/Apt, Address Line 2, home_addr_2, Unit, PatAddress2, Apt/Unit
city: City, CITY, upcity, city_village, PersonMailingCity, home_city, town, CityName, PatCity, BENE_CITY, Ciudad, city_nm, patient.address.city, Mailing City, Municipality, Addr at DX--City
state: State, STATE_C, upstate, state_province, PersonMailingState, home_state, ST, StateCode, PatState, state_cd, Estado, BENE_STATE_CD, patient.address.state, State/Prov, Mailing State, us_state
zip: Zip, ZIP, zipcode, postal_code, Zip Code, PersonMailingPostalCode, home_zip, zip5, PostalCode, PatZip, BENE_MLG_CNTCT_ZIP_CD, Codigo Postal, zip_cd, patient.address.postalCode, Postal, ZIP+4, Mailing Zip
address_as_of: addr_upd_dt, AddressLastUpdated, address_updated_on, ADDR_EFF_DT, address_verified_date, addr_change_date, AddressAsOf, addr_last_mod, Address Effective Date, AddrUpdated
alternate_street: AltAddress1, alternate_address, TempAddr1, TEMP_ADD_LINE_1, confidential_address_1, Alt Street, conf_comm_street, alt_addr_line1, AlternateStreet, alt_mail_addr
alternate_city: AltCity, alternate_city, TempCity, TEMP_CITY, confidential_city, Alt City, conf_comm_city, alt_addr_city, AlternateCity, alt_mail_city
alternate_state: AltState, alternate_state, TempState, TEMP_STATE_C, confidential_state, Alt State, conf_comm_state, alt_addr_state, AlternateState, alt_mail_st
alternate_zip: AltZip, alternate_zip, TempZip, TEMP_ZIP, confidential_zip, Alt Zip, conf_comm_zip, alt_addr_zip, AlternatePostalCode, alt_mail_zip
phone: WirelessPhone, cell_phone, MOBILE_PHONE, umobileno, Mobile, CellPh, phone_cell, Cell #, mobile_no, PersonMobilePhone, Phone 1, cellphone, Telefono Celular, primary_phone, Phone Number, patient.telecom.phone, cell_nbr, PhoneMobile, contact_no, tel_no
phone2: HmPhone, HOME_PHONE, phone_home, Phone 2, HomePh, Home Phone, home_tel, AltPhone, secondary_phone, other_phone, Telefono Casa, Home #, PhoneHome, HmTel, phone_no_2
email: Email, EMAIL_ADDRESS, uemail, e-mail, PersonEmail, Correo Electronico, email_addr, EmailAddr, E-Mail Address, patient_email, eml, ContactEmail, pt_email, email_direct, primary_email
guardian_first_name: GUAR_FIRST_NAME, guarantorfirstname, RespFirst, resp_party_fname, gfname, parent_first_name, GuardianFName, Guar First, guarantor_first, Responsible Party First Name, parent_fname, mom_first
guardian_last_name: GUAR_LAST_NAME, guarantorlastname, RespLast, resp_party_lname, glname, parent_last_name, GuardianLName, Guar Last, guarantor_last, Responsible Party Last Name, parent_lname, mom_last
representative_name: executor_name, PersonalRepName, estate_contact, next_of_kin_name, NOK_NAME, Executor, rep_name, personal_representative, estate_rep_name, NextOfKin
representative_street: executor_address, PersonalRepAddress, estate_street, next_of_kin_addr, NOK_ADDR, rep_addr1, personal_rep_street, estate_rep_address, NextOfKinAddress, rep_street
representative_city: executor_city, PersonalRepCity, estate_city, next_of_kin_city, NOK_CITY, rep_city, personal_rep_city, estate_rep_city, NextOfKinCity
representative_state: executor_state, PersonalRepState, estate_st, next_of_kin_state, NOK_STATE, rep_state, personal_rep_state, estate_rep_state, NextOfKinState
representative_zip: executor_zip, PersonalRepZip, estate_zipcode, next_of_kin_zip, NOK_ZIP, rep_zip, personal_rep_zip, estate_rep_zip, NextOfKinPostalCode
deceased_on: DEATH_DATE, DECEASED_DT_TM, deceased_date, expired_date, DateOfDeath, dod, date_deceased, BENE_DEATH_DT, DeathDt, Deceased, patient.deceasedDateTime, Date of Death
language: Language, LANGUAGE_C, preferred_language, PrefLang, lang_cd, Idioma, primary_language, patient_language, LangPref, language_cd, communication.language
alt_format: alt_format, AlternateFormat, comm_format, accessible_format, Format Preference, accessibility_needs, alternate_format_type, pref_format, accessibility
email_consent_on: email_consent_dt, EmailConsentDate, eConsentOn, email_optin_date, EmailPermissionDate, email_agreement_dt, OptInEmailOn, email_consent_on, consent_to_email_date
email_consent_scope: email_consent_scope, EmailConsentType, email_optin_scope, EmailPermissionScope, email_agreement_type, consent_to_email_scope, ConsentEmailType
email_consent_withdrawn_on: email_consent_end_dt, EmailConsentRevoked, email_optout_date, EmailPermissionEnd, email_agreement_ended, EmailConsentWithdrawnDate, OptOutEmailOn, email_unsubscribed_at
confidential_address: confidential_flag, ConfidentialComm, conf_addr_yn, address_confidential, ACP_flag, Confidential, confidentiality_indicator, ConfidentialAddress
last_visit_on: LastVisit, visit_date, DOS, appt_dt, Last Visit Date, DateLastVisit, AptDateTime, service_date, LAST_SEEN_DT, encounter_date, LastApptDate, ApptDate, Fecha de Cita, last_seen_on, contact_date
provider: PriProv, provider_name, RenderingProvider, Dr, doctor_name, prov_nm, Dentist, attending_physician, ProviderFullName, CUR_PCP_PROV_ID, treating_provider, Physician, prov
elements: data_types, phi_elements, data_elements, ElementList, phi_kinds, exposed_data_elements, data_element_types
role: contact_type, PersonType, role_cd, RoleName, contact_role, person_role, party_role, PartyType
entity_hint: practice_name, OfficeName, clinic, facility_name, Practice, clinic_nm, PracticeName, Org Name, location_name, Dental Office, organization, BusinessName
entity_hint#city: practice_city, OfficeCity, clinic_city, facility_city, Practice City, clinic_town, PracticeCity, org_city, location_city, office_town
entity_hint#state: practice_state, OfficeState, clinic_state, facility_state, Practice State, clinic_st, PracticeState, org_state, location_state, office_st
entity_phone: practice_phone, OfficePhone, clinic_tel, callback_number, PracticePh, facility_phone, from_number, Office Phone, org_phone, location_phone, caller_id_number
kind:treatment: ProcDescript, procedure_name, proc_code, treatment_desc, ServiceDescription, CDT_Code, service_rendered, tx_desc
text: ApptNote, comments, notes, free_text, remarks, visit_notes, note_text, MemoField
kind:payment: EstBalance, acct_balance, amt_due, balance_owed, TotalBalance, current_balance, Patient Balance
street#number: street_number, HouseNo, house_number, StNum, addr_house_nbr, StreetNo, MailingHouseNumber
street#name: street_name, StreetName, street_nm, StName, addr_street_name, MailingStreetName
extra: DateTStamp, created_at, insert_ts, sent_at, updated_on, timestamp, last_modified, entry_date, row_created_dt
"""
SPELLINGS: dict[str, tuple[str, ...]] = {
    target.replace("kind|", "kind:"): tuple(word.strip() for word in words.split(","))
    for target, _, words in (
        line.replace("kind:", "kind|").partition(":") for line in _LISTED.strip().splitlines()
    )
}
MEANINGLESS = (
    "c{}",
    "field{}",
    "col_{}",
    "F{}",
    "Column{}",
    "x{}",
    "attr_{}",
    "V{}",
    "Unnamed: {}",
    "var{:03}",
)


def held_out(spelling: str) -> bool:
    """In the half whose failures nobody looks at."""
    return hashlib.sha256(spelling.encode()).digest()[0] % 2 == 1
