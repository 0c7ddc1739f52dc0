"""Headers that spreadsheets, rooming lists and passenger manifests use for the fields of the form.

The words are keys of :func:`apps.consumers.paste.rows.header_key`: lower case, without accents on Latin
letters, blanks and signs. The form's own labels and the vendor's names are known without being listed here.
"""

from __future__ import annotations

from typing import Final

HEADER_WORDS: Final[dict[str, str]] = {
    "order_ref": """
        order orderref orderreference ordernumber orderno orderid
        auftrag auftragsnummer auftragsnr bestellung bestellnummer
        commande numerodecommande ndecommande nodecommande
        siparis siparisno siparisnumarasi
        注文番号 オーダー番号
        pedido numerodepedido ordine numeroordine bestelling bestelnummer ordrenummer
    """,
    "title": """
        salutation honorific prefix nameprefix
        anrede titel civilite titre unvan hitap 敬称 tratamiento titolo aanhef tratamento tytul
        titul oslovenie megszolitas titteli tittel tilltal tiltale
    """,
    "first_name": """
        first firstnames forename forenames givenname givennames fname guestfirstname passengerfirstname
        vorname vornamen rufname
        prenom prenoms
        ad adi isim ismi onad
        名 ファーストネーム
        nombre nombres nome primeironome voornaam voornamen fornavn fornamn etunimi imie krestnijmeno
        имя 이름
        keresztnev utonev krestne jmeno meno prenume vards vardas eesnimi
    """,
    "last_name": """
        last lastnames surname surnames familyname lname guestlastname guestsurname passengerlastname
        passengersurname
        nachname nachnamen familienname zuname
        nomdefamille nomfamille patronyme
        soyad soyadi soyisim soyismi
        姓 苗字 名字 ラストネーム
        apellido apellidos cognome sobrenome apelido achternaam familienaam etternavn efternavn efternamn
        sukunimi nazwisko prijmeni фамилия 성
        vezeteknev csaladnev priezvisko nume numedefamilie prezime uzvards pavarde perekonnanimi
    """,
    "gender": """
        sex mf
        geschlecht genre sexe cinsiyet cinsiyeti 性別 sexo genero sesso genere geslacht kjonn kon plec
        пол 성별
        nem neme pohlavi pohlavie spol sukupuoli sugu lytis dzimums стать
    """,
    "date_of_birth": """
        birthdate birthday dob born dateborn dofb
        geburtsdatum gebdatum geburtstag geboren geborenam geb
        datedenaissance datenaissance neele naissance
        dogumtarihi dogumgunu dtarihi
        生年月日 誕生日
        fechadenacimiento fechanacimiento nacimiento datadinascita nascita datadenascimento
        geboortedatum fodselsdato fodelsedatum dataurodzenia датарождения 생년월일
        szuletesidatum szuletesideje szuldatum datumnarozeni narozeni datumnarodenia syntymaaika
        datanasterii datumrodenja fodelsedag fodt
    """,
    "emails": """
        email emailaddress emailaddresses emails mail mailaddress
        emailadresse mailadresse emailadressen
        courriel adressemail adresseemail adresseelectronique
        eposta epostaadresi mailadresi
        メール メールアドレス eメール 電子メール
        correo correoelectronico postaelettronica indirizzoemail emailadres epost 이메일
        emailcim adresaemail sahkoposti sahkopostiosoite adresemail
    """,
    "phone_numbers": """
        cell cellphone cellnumber mobile mobilenumber mobileno mobilephone phone phoneno phonenumber phones
        tel telno telephone telephonenumber contactnumber whatsapp
        telefon telefonnummer telefonnr telnr handy handynummer mobil mobilnummer mobiltelefon rufnummer
        portable telephoneportable numerodetelephone mobilephonenumber
        telefonno telefonnumarasi cep ceptelefonu ceptel ceptelefonno gsm
        電話 電話番号 携帯 携帯電話 携帯番号 携帯電話番号
        telefono telefonomovil movil cellulare telefone telemovel celular telefoon telefoonnummer
        mobielnummer puhelin телефон 전화번호
        telefonszam mobilszam mobilni telefonicislo puhelinnumero telefonas numertelefonu nrtelefonu
        telefoncislo
    """,
    "nationality": """
        citizenship nationalities
        nationalitat nationalitaet staatsangehorigkeit staatsangehoerigkeit staatsburgerschaft
        nationalite citoyennete
        uyruk uyrugu milliyet vatandaslik
        国籍
        nacionalidad nazionalita cittadinanza nacionalidade nationaliteit nasjonalitet nationalitet
        obywatelstwo гражданство 국적
        allampolgarsag narodowosc statniprislusnost obcanstvi kansalaisuus cetatenie drzavljanstvo
        medborgarskap statsborgerskab statsborgerskap
    """,
    "passport_number": """
        passport passportno passportnr passportnumber passportid
        pass passnr passnummer reisepass reisepassnr reisepassnummer
        passeport numerodepasseport nopasseport npasseport ndepasseport
        pasaport pasaportno pasaportnumarasi
        パスポート パスポート番号 旅券番号
        pasaporte numerodepasaporte passaporto numeropassaporto passaporte paspoort paspoortnummer
        passi numerpaszportu номерпаспорта 여권번호
        utlevel utlevelszam cislopasu paszport nrpaszportu passinumero pasnummer pasnr
    """,
    "country": """
        countrycode countryofresidence residencecountry
        land landercode wohnsitzland
        pays paysderesidence
        ulke ulkesi
        国 居住国
        pais paisderesidencia paese woonland kraj страна 국가
        orszag zeme krajina maa zemlja
    """,
    "identifier_provider": "provider identifierprovider",
    "identifier_id": "identifier identifiers identifierid",
}
"""The words for each target of a column, separated by blanks."""

GENDERS_WITH_OTHER_LETTERS: Final[dict[str, str]] = {
    **dict.fromkeys(["sexo", "genero", "lytis"], "m"),  # mujer, mulher, moteris
    **dict.fromkeys(["nem", "neme"], "f"),  # ferfi
}
"""Letters that may mean the other gender below these headers."""

TITLES_WITH_OTHER_FR: Final = frozenset(["anrede", "titel", "tittel", "tilltal", "tiltale"])
"""Headers of languages in which Fr. is Frau, fru or frøken, and not the vendor's title Fr for a father."""

NEXT_TO_A_FIRST_NAME: Final = frozenset(["name", "nom", "naam", "namn", "navn"])
"""Headers that mean the last name in a table with a column of first names, and may be the whole name else."""
