"""Firms and brands that customers write about every day, from common knowledge: none of them is a person's name."""

from __future__ import annotations

from allears.guard.redaction.rule import words

BRANDS = words(
    """Accenture Adidas Adobe Airbnb Airbus Alcatel Aldi Alexa Alibaba Allianz Amazon AMD Amex Android Apple Asus Audi Auchan Aviva AXA Barclays Bayer Barilla BBVA Bentley
    BMW Boeing Bosch Bosco Booking Braun Bugatti Bulgari Bvlgari Cadillac Canon Cartier Casio Caterpillar Chanel Chevrolet Chrysler Cisco Citibank Citroën Citroen
    Coca-Cola Colgate Comcast Continental Corona Cortana Costco Dacia Daimler Danone Decathlon Dell Deloitte Deutsche Diesel Dior Disney Dolce Ducati Dunlop Duracell
    Dyson EasyJet Ebay Electrolux Emirates Enel Eni Ericsson Esselunga Etihad Etsy Expedia Facebook Fedex FedEx Fendi Ferrari Ferrero Fiat Fiorentina Ford Garmin
    Gatorade Generali Gillette Glovo Gmail Google Gucci Harley Heineken Heinz Hermes Hertz Hilton Honda Huawei Hyatt Hyundai Iberdrola Iberia Ibis IBM Ikea IKEA
    Instagram Intel Intesa iPhone Iveco Jaguar Jeep Jira Juventus Kawasaki Kellogg Kenwood Kia Kindle Klarna Kodak Kpmg KPMG Lamborghini Lancia Lancôme Lavazza Lego
    Lenovo Lexus Lidl Linux Lloyds Logitech Lufthansa Lyft Mango Maserati Mastercard MasterCard Mattel Mazda McDonald McDonald's McDonalds McKinsey Mediaset Mercedes
    Mercadona Messenger Michelin Microsoft Mitsubishi Moncler Monoprix Monzo Morrisons Motorola Nespresso Nestle Nestlé Netflix Nike Nikon Nintendo Nissan Nokia Nvidia
    Oracle Orange Panasonic PayPal Paypal Peloton Pepsi Peugeot Philips Pirelli Pixel Playstation Porsche Prada Primark Puma Quicken Qantas Rakuten Reddit Renault Repsol
    Revolut Rolex Ryanair Samsung Santander SAP Siemens Signal Siri Skoda Škoda Skype Slack Snapchat Sony Spotify Starbucks Stellantis Stripe Subaru Suzuki Swatch Tchibo
    Teams Telefonica Telefónica Telegram Tesco Tesla Tiktok TikTok Toshiba Toyota Trenitalia Trustpilot Twitch Twitter Uber Unicredit UniCredit Unilever Versace Verizon
    Vespa Viber Virgin Visa Vodafone Volkswagen Volvo Vueling Waitrose Walmart Wechat Wells Whatsapp WhatsApp Wikipedia Windows Wise Xbox Xerox Yahoo Yamaha Yelp Youtube
    YouTube Zalando Zara Zendesk Zoom JetBlue Jetblue Delta Southwest Spirit Alitalia Jet Blue Virgin Finnair Norwegian Transavia Eurowings Condor Alaska Allegiant
    Hawaiian Cathay Blackrock BlackRock Experian Equifax Transunion TransUnion Palantir Salesforce Hubspot Shopify Vanguard Fidelity Morgan Citigroup Goldman Sachs
    Merrill Schwab Pfizer Novartis Roche Sanofi Moderna AstraZeneca Walgreens Kroger Safeway Chipotle Dominos Domino's Wendy's Wendys Arby's Denny's Macy's Macys
    Nordstrom Kohl's Carrefour Conad Coop Despar Edeka Rewe Penny Kaufland Rossmann Douglas Saturn MediaMarkt Otto Conrad Leclerc Darty Fnac Cdiscount Boulanger"""
)
